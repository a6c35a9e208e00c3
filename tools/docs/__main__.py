"""Write the generated tables of docs/: `python -m tools.docs`."""

from __future__ import annotations

from tools.docs.markdown import rendered
from tools.docs.tables import ROOT


def main() -> None:
    """Write every page whose tables have changed, and print its name."""
    for path in sorted((ROOT / "docs").glob("*.md")):
        old = path.read_text(encoding="utf-8")
        new = rendered(old)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
