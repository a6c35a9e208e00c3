"""Fetch the explorer's libraries with npm, and copy their files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from .vendor import FOLDER, LOCK, SOURCES, copy


def main() -> None:
    """Install the locked packages into a folder of their own, and copy what the page loads."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not here: install Node.js first")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in (LOCK, LOCK.with_name("package.json")):
            shutil.copy(file, folder)
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        copy(folder)
    print(f"{len(SOURCES)} files in {FOLDER}")


if __name__ == "__main__":
    main()
