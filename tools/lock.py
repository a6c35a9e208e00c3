"""Print the installed versions as a constraints file."""

from __future__ import annotations

from importlib.metadata import distributions

OURS_AND_PIPS = {"tensorseed", "pip", "setuptools", "wheel"}


def main() -> None:
    """One line a package, without the local part of a version, so that any build of it is accepted."""
    print("# The exact versions that tensorseed is built and tested with. `make lock` writes it anew.")
    pins = {d.metadata["Name"].lower().replace("_", "-"): d.version.split("+")[0] for d in distributions()}
    for name in sorted(pins.keys() - OURS_AND_PIPS):
        print(f"{name}=={pins[name]}")


if __name__ == "__main__":
    main()
