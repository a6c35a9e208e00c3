"""Files of npm packages, their digests and licences."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "service" / "explorer" / "static" / "vendor"
LOCK = Path(__file__).parent / "package-lock.json"
DIGESTS = FOLDER / "digests.json"
LICENSES = FOLDER / "LICENSES.txt"
_MODULES = "node_modules/"


class Source(NamedTuple):
    """A file of a package."""

    package: str
    path: str


# The parts of d3 that the charts take: without trees, contours, meshes and the like it is much smaller.
D3 = (
    "d3-array",
    "d3-axis",
    "d3-color",
    "d3-format",
    "d3-geo",
    "d3-interpolate",
    "d3-path",
    "d3-random",
    "d3-scale",
    "d3-scale-chromatic",
    "d3-selection",
    "d3-shape",
    "d3-time",
    "d3-time-format",
)

SOURCES = {
    "preact.js": Source("preact", "dist/preact.umd.js"),
    "hooks.js": Source("preact", "hooks/dist/hooks.umd.js"),
    "htm.js": Source("htm", "dist/htm.module.js"),
    "plot.js": Source("@observablehq/plot", "dist/plot.umd.min.js"),
    **{f"{name}.js": Source(name, f"dist/{name}.min.js") for name in D3},
}

# Packages within the files of d3-array and of Observable Plot.
_BUNDLED = ("internmap", "interval-tree-1d", "binary-search-bounds", "isoformat")


def versions() -> dict[str, str]:
    """The locked version of each package, by its name."""
    packages = json.loads(LOCK.read_text())["packages"]
    return {path.removeprefix(_MODULES): facts["version"] for path, facts in packages.items() if path}


def copy(installed: Path) -> None:
    """Copy the files out of the folder in which npm installed the packages, and write what they are."""
    locked = versions()
    FOLDER.mkdir(exist_ok=True)
    digests = {}
    for name, source in SOURCES.items():
        content = (installed / _MODULES / source.package / source.path).read_bytes()
        (FOLDER / name).write_bytes(content)
        digests[name] = {
            "package": f"{source.package}@{locked[source.package]}",
            "path": source.path,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    DIGESTS.write_text(json.dumps(digests, indent=2) + "\n")
    packages = sorted({*(source.package for source in SOURCES.values()), *_BUNDLED})
    LICENSES.write_text("\n".join(_license(installed, name, locked[name]) for name in packages))


def _license(installed: Path, package: str, version: str) -> str:
    """The licence of a package under a heading."""
    (path, *_) = sorted((installed / _MODULES / package).glob("LICENSE*"))
    return f"{package} {version}\n{'=' * len(f'{package} {version}')}\n\n{path.read_text().strip()}\n"
