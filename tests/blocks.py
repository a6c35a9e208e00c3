"""Fenced blocks of a Markdown page, and the script that runs them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

MARKER = "-- end of command --"

_FENCE = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """One fenced block. `needs` is the second word of its fence: what a test lacks to run it."""

    page: Path
    line: int
    language: str
    needs: str
    text: str


class Command(NamedTuple):
    """Lines of a shell, and what they print; None where that does not matter."""

    text: str
    printed: str | None


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, *found.groups())
        for found in _FENCE.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    """The shell commands that run a block."""
    match block.language:
        case "console":
            return _session(block.text)
        case "sh":
            return [Command(block.text, None)]
        case "python":
            return [Command(f"python3 - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK\n", None)]
        case "pycon":
            name = shlex.quote(f"{block.page.stem}-{block.line}.txt")
            return [Command(f"cat > {name} <<'END'\n{block.text}END\npython3 -m doctest {name}\n", "")]
    return []


def commands_of(found: list[Block]) -> list[Command]:
    """The shell commands that run the blocks of a page.

    Its blocks of Python's console are one session, which runs at the place of the last of them.
    """
    session = [block for block in found if block.language == "pycon"]
    for block in session[:-1]:
        found = [other for other in found if other is not block]
    if session:
        whole = session[-1]._replace(text="".join(block.text for block in session))
        found = [whole if block is session[-1] else block for block in found]
    return [command for block in found for command in commands(block)]


def script(found: list[Command]) -> str:
    """A script for one shell, which writes a marker after each command."""
    return "".join(f"{command.text}echo '{MARKER}'\n" for command in found)


def _session(text: str) -> list[Command]:
    """Each command of a console with what it prints. A here-document's lines belong to its command."""
    found: list[Command] = []
    until, quoted = "", False
    for line in text.splitlines(keepends=True):
        if until or quoted:
            found[-1] = Command(found[-1].text + line, "")
        elif line.startswith("$ "):
            found.append(Command(line[2:], ""))
        else:
            found[-1] = Command(found[-1].text, (found[-1].printed or "") + line)
            continue
        if until:
            until = "" if line.strip() == until else until
        else:
            here = re.search(r"<<'(\w+)'", line)
            until = here[1] if here else ""
            quoted = not here and _is_open(found[-1].text)
    return found


def _is_open(text: str) -> bool:
    """Whether a quotation goes on in the next line."""
    try:
        shlex.split(text)
    except ValueError:
        return True
    return False
