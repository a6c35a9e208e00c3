"""Write the annexes of the normative pages, which a test compares."""

from __future__ import annotations

from pathlib import Path

from tools.annexes.documents import annexes

DOCS = Path(__file__).parents[2] / "docs"

if __name__ == "__main__":
    for name, text in annexes().items():
        (DOCS / name).write_text(text, encoding="utf-8")
