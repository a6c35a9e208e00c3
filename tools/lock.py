"""Lock files: constraints, and hashed requirements of the image.

`make lock` runs it in a fresh environment that has the newest versions.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import distributions, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
REQUIREMENTS = ROOT / "deploy" / "requirements"
PYTHON = "3.11"  # of the image
OURS_AND_PIPS = {"tensorseed", "pip", "setuptools", "wheel"}

_HEADER = "# {} `make lock` writes it anew.\n"
_SUBJECTS = {
    "build": "What builds the wheel of tensorseed in the image, with the hashes of every file.",
    "service": "The packages of the image but torch, with the hashes of every file.",
    "cuda": "The packages that torch needs for CUDA alone, with the hashes of every file.",
    "torch": "torch, with the hashes of every file of the registry and of those of its own indexes.",
}
_FOR_CUDA = re.compile(r"(cuda|nvidia)-.*|triton")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


def constraints() -> str:
    """Return one line a package, without the local part of a version, so that any build is accepted."""
    pins = {d.metadata["Name"].lower().replace("_", "-"): d.version.split("+")[0] for d in distributions()}
    lines = [f"{name}=={pins[name]}\n" for name in sorted(pins.keys() - OURS_AND_PIPS)]
    return (
        "# The exact versions that tensorseed is built and tested with. `make lock` writes it anew.\n"
        + "".join(lines)
    )


def locked(uv: str, *arguments: str, index: str | None = None) -> list[str]:
    """Return requirements for every platform, one a package, resolved by uv from the registry's metadata."""
    command = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
    ]
    command += ["--python-version", PYTHON, "--constraint", str(CONSTRAINTS), *arguments]
    command += [] if index is None else ["--no-deps", "--default-index", index]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [found.rstrip() for found in re.split(r"\n(?=\S)", run.stdout) if found.strip()]


def divided(requirements: Iterable[str]) -> dict[str, list[str]]:
    """Return the requirements of each file, from those of the extras `service` and `export`."""
    found: dict[str, list[str]] = {name: [] for name in _SUBJECTS}
    for requirement in requirements:
        name = requirement.partition("==")[0]
        kind = "torch" if name == "torch" else "cuda" if _FOR_CUDA.fullmatch(name) else "service"
        found[kind].append(requirement)
        if name == "setuptools":
            found["build"].append(requirement)
    return found


def with_hashes(requirement: str, more: Iterable[str]) -> str:
    """Return a requirement that also accepts files of other hashes."""
    line = requirement.partition("\\\n")[0].rstrip(" \\")
    hashes = sorted({*_HASH.findall(requirement), *more})
    return " \\\n".join([line, *(f"    --hash={found}" for found in hashes)])


def torch_hashes(uv: str, index: str) -> set[str]:
    """Return the hashes of torch at an index of its own; those that are known where it cannot be reached."""
    wanted = f"torch=={version('torch').partition('+')[0]}"
    source = REQUIREMENTS / "torch.in"
    try:
        source.write_text(f"{wanted}\n")
        return {found for line in locked(uv, str(source), index=index) for found in _HASH.findall(line)}
    except subprocess.CalledProcessError:
        known = (REQUIREMENTS / "torch.txt").read_text()
        if f"\n{wanted} " not in known:
            raise SystemExit(
                f"{index} cannot be reached: run it where it can, for the hashes of torch"
            ) from None
        print(f"{index} cannot be reached: the known hashes of {wanted} stay")
        return set(_HASH.findall(known))
    finally:
        source.unlink()


def main() -> None:
    """Write constraints.txt, then the requirements."""
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description=__doc__)
    parser.add_argument("uv", help="program that resolves")
    parser.add_argument("indexes", nargs="+", help="indexes of torch's own builds")
    given = parser.parse_args()
    CONSTRAINTS.write_text(constraints())
    files = divided(locked(given.uv, "pyproject.toml", "--extra", "service", "--extra", "export"))
    more = set().union(*(torch_hashes(given.uv, index) for index in given.indexes))
    files["torch"] = [with_hashes(requirement, more) for requirement in files["torch"]]
    for name, requirements in files.items():
        text = _HEADER.format(_SUBJECTS[name]) + "".join(f"{requirement}\n" for requirement in requirements)
        (REQUIREMENTS / f"{name}.txt").write_text(text)


if __name__ == "__main__":
    main()
