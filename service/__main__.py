"""Command line of a checkout: `python -m service`, like `tensorseed`."""

from __future__ import annotations

from tensorseed.__main__ import program

main = program(str(__package__))

if __name__ == "__main__":
    main()
