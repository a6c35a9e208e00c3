"""Figures as SVG or PNG, with equal bytes for equal figures; their words."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

Form = Literal["svg", "png"]

MISSING = "□"  # stands for what the font lacks
MAX_LABEL_CHARS = 28  # characters of a label

_STYLE = {
    "font.family": ["DejaVu Sans"],
    "svg.fonttype": "none",
    "svg.hashsalt": "tensorseed",
    "svg.id": None,
    "path.simplify": True,
    "path.sketch": None,
    "text.usetex": False,
    "axes.unicode_minus": True,
}
_FONT = b"'DejaVu Sans'"
_FONTS = _FONT + b", Verdana, sans-serif"  # of a viewer: Verdana is as wide, most others are narrower
_drawing = threading.Lock()  # matplotlib's settings are one for the whole process


@contextmanager
def drawing() -> Iterator[None]:
    """Have matplotlib draw in the style of all pictures within the block, one picture at a time."""
    import matplotlib

    with _drawing, matplotlib.rc_context(_STYLE):
        yield


def written(figure: Any, form: Form, title: str) -> bytes:
    """The file of a figure, which nothing but the figure and its title is in."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.BytesIO()
    if form == "png":
        FigureCanvasAgg(figure).print_png(out, metadata={"Title": title, "Software": None})
        return out.getvalue()
    metadata: Mapping[str, str | None] = {"Title": title, "Date": None, "Creator": None}
    FigureCanvasSVG(figure).print_svg(out, metadata=metadata)
    return out.getvalue().replace(_FONT, _FONTS)


def shortened(text: str, longest: int = MAX_LABEL_CHARS) -> str:
    """The text, with an ellipsis in its middle where it is longer."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def drawable(text: str, longest: int = MAX_LABEL_CHARS) -> str:
    """The text in characters that the font has, shortened."""
    known = _characters()
    return "".join(char if ord(char) in known else MISSING for char in shortened(text, longest))


@cache
def _characters() -> frozenset[int]:
    """The code points that the font has."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap()) - {0x0A, 0x0D, 0x09}
