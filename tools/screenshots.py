"""Screenshots of the explorer's rooms, in two widths and two themes.

`python -m tools.screenshots` serves the page and writes `build/screenshots/ROOM-WIDTH-THEME.png` to look at,
and `docs/explorer.png`, the picture of the README. It needs playwright and Chromium, as the tests of the page
do.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.service.explorer.browser import CHROMIUM, Visitor, browsing
from tests.service.explorer.test_browser import ROOMS
from tests.serving import ROOT, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = {1280: 900, 390: 844}
PICTURE = ROOT / "docs" / "explorer.png"
PICTURE_PATH = "/?room=network"
PICTURE_SIZE = (1200, 860)
COLOURS = 96  # of the picture: flat colours need no more, and it has a fifth of the bytes


def rooms(visitor: Visitor, folder: Path) -> None:
    """Write every room in every width and theme, whole but for the list of recipes."""
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES.items():
        for dark in (False, True):
            for name, path in ROOMS.items():
                page = visitor.open(path, width=width, height=height, dark=dark)
                theme = "dark" if dark else "light"
                page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=name != "checkpoints")
                visitor.leave()


def picture(page: Page) -> bytes:
    """What a page shows, as a PNG of few colours."""
    from PIL import Image

    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    small = image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return written.getvalue()


def main() -> None:
    """Serve, look, write."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "screenshots", help="a folder")
    folder: Path = parser.parse_args().output
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        parser.error("Chromium is not here: apt-get install chromium")
    with served() as (_, port), browsing(program, f"http://127.0.0.1:{port}") as visitor:
        width, height = PICTURE_SIZE
        PICTURE.write_bytes(picture(visitor.open(PICTURE_PATH, width=width, height=height)))
        visitor.leave()
        rooms(visitor, folder)
    print(f"{PICTURE} and {folder}")


if __name__ == "__main__":
    main()
