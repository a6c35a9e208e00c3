"""Names and expressions of modules, matched in linear time.

A name stands for modules that it equals, begins, ends or is a part of, between dots; `*` is any text. Whole
names stand for the modules that they equal.
An expression follows `re:` and matches the beginning of a name, as in compressed-tensors and GPTQModel.
It has characters, `.`, classes, `\\d` and its kin, groups, `|`, `*`, `+`, `?`, and `$` at its end.
All of them are one automaton without backtracking: Thompson, Regular expression search algorithm, 1968.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

MAX_PATTERNS = 4_096
MAX_PATTERN_CHARS = 256
MAX_EXPRESSION_CHARS = 1_024  # of all expressions and names with a star together; a name costs a look-up
MAX_DEPTH = 16  # of groups in groups
MAX_CACHED_STEPS = 10_000

EXPRESSION = "re:"

_TOKEN = re.compile(
    r"(?P<atom>\.|\[\^?(?:[^][\\&~|^-]|-(?!-)|\\[dDwWsS.\\\]\[-])+\]|\\[dDwWsS]|\\[^\w\s]|[^][\\.^$*+?{}|()])"
    r"|(?P<repeat>[*+?]\??(?![*+?]))"
    r"|(?P<open>\((?:\?:|(?!\?)))"
    r"|(?P<other>[|)$])"
)
_LITERAL = re.compile(r"\^?((?:[\w-]|\\[^\w\s])+)\$", re.ASCII)
_MATCHED, _MATCHED_AT_END = 0, 1  # states

States = frozenset[int]
_Atom = re.Pattern[str]


class PatternError(ValueError):
    """A pattern that is not read here; the message says what to write."""


@dataclass(frozen=True)
class ModulePatterns:
    """Patterns of modules: names, and expressions behind `re:`. `are_whole` says that names are whole ones.

    Raises:
        PatternError: an expression is malformed or not supported, or there are too many characters.
    """

    texts: tuple[str, ...] = ()
    are_whole: bool = False

    def __post_init__(self) -> None:
        if len(self.texts) > MAX_PATTERNS:
            raise PatternError(f"at most {MAX_PATTERNS:,} modules are listed here: write patterns with *")
        if any(len(text) > MAX_PATTERN_CHARS for text in self.texts):
            raise PatternError(f"a pattern has at most {MAX_PATTERN_CHARS} characters: write a shorter one")
        length = sum(len(text) for text in self.texts if _exact(text) is None and self._is_expression(text))
        if length > MAX_EXPRESSION_CHARS:
            detail = f"expressions have at most {MAX_EXPRESSION_CHARS:,} characters together"
            raise PatternError(f"{detail}: write fewer of them, or names without stars")
        _ = self.automaton

    @cached_property
    def _names(self) -> frozenset[str]:
        """The names without a star."""
        return frozenset(text for text in self.texts if not self._is_expression(text))

    @cached_property
    def _whole(self) -> frozenset[str]:
        """The names that an expression spells out."""
        return frozenset(name for text in self.texts if (name := _exact(text)) is not None)

    @cached_property
    def automaton(self) -> Automaton:
        """That of the others."""
        others = [text for text in self.texts if self._is_expression(text) and _exact(text) is None]
        return Automaton([_expression(text) for text in others])

    def match(self, module: str) -> bool:
        """Whether one of them stands for the module."""
        parts = module.split(".")
        return (
            module in self._whole
            or module in self._names
            or (
                bool(self._names)
                and not self.are_whole
                and any(
                    ".".join(parts[start:stop]) in self._names
                    for start in range(len(parts))
                    for stop in range(start + 1, len(parts) + 1)
                )
            )
            or self.automaton.match(module)
        )

    def _is_expression(self, text: str) -> bool:
        """Whether it takes the automaton."""
        return text.startswith(EXPRESSION) or ("*" in text and not self.are_whole)


def _exact(text: str) -> str | None:
    """The one name that an expression stands for; None where it may be several."""
    found = _LITERAL.fullmatch(text.removeprefix(EXPRESSION)) if text.startswith(EXPRESSION) else None
    return None if found is None else re.sub(r"\\(.)", r"\1", found[1])


def _expression(text: str) -> str:
    """The expression of a pattern; a name is between the beginning or a dot, and a dot or the end."""
    if text.startswith(EXPRESSION):
        return text.removeprefix(EXPRESSION)
    inner = ".*".join(re.escape(part) for part in re.split(r"\*+", text))
    return rf"(?:.*\.)?{inner}(?:\..*)?$"


class Automaton:
    """The states of expressions, of which several hold at a time, at most one for each character of them.

    Raises:
        PatternError: an expression is malformed, or not supported.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        self._atoms: list[_Atom | None] = [None, None]
        self._next: list[list[int]] = [[], []]
        starts = [_Parser(text, self).start for text in expressions]
        self._start = self._closed(starts)
        self._steps: dict[tuple[States, str], States] = {}

    def __len__(self) -> int:
        """The number of states."""
        return len(self._next)

    def state(self, atom: _Atom | None, *following: int) -> int:
        """A new state: one that a character of `atom` leaves, or all."""
        self._atoms.append(atom)
        self._next.append([*following])
        return len(self._next) - 1

    def lead(self, state: int, following: int) -> None:
        """Let a state lead to another one too."""
        self._next[state].append(following)

    def match(self, text: str) -> bool:
        """Whether an expression matches the beginning of a text."""
        now = self._start
        for character in text:
            if not now or _MATCHED in now:
                break
            found = self._steps.get((now, character))
            now = self._stepped(now, character) if found is None else found
        else:
            return _MATCHED in now or _MATCHED_AT_END in now
        return _MATCHED in now

    def _stepped(self, states: States, character: str) -> States:
        """The states behind a character, which the next text finds again."""
        following = [
            target
            for state in states
            if (atom := self._atoms[state]) is not None and atom.fullmatch(character)
            for target in self._next[state]
        ]
        if len(self._steps) >= MAX_CACHED_STEPS:
            self._steps.clear()
        return self._steps.setdefault((states, character), self._closed(following))

    def _closed(self, states: Sequence[int]) -> States:
        """The states with those that they lead to without a character."""
        found, rest = set(states), [*states]
        while rest:
            state = rest.pop()
            new = set(self._next[state]) - found if self._atoms[state] is None else ()
            found.update(new)
            rest += new
        return frozenset(found)


class _Parser:
    """The states of one expression, from its tokens; `start` is its first one."""

    def __init__(self, text: str, automaton: Automaton) -> None:
        self._automaton = automaton
        self._tokens: list[tuple[str, str]] = []  # kind and text
        position = int(text.startswith("^"))  # re.match begins there anyway
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                detail = f"an expression has no {text[position : position + 2]} here"
                raise PatternError(f"{detail}: write characters, ., classes, groups, |, *, + and ?")
            self._tokens.append((found.lastgroup or "", found[0]))
            position = found.end()
        self._tokens.reverse()
        tree = self._alternatives(0)
        if self._tokens:
            raise PatternError("an expression closes a group that is not open: write \\) for the character")
        self.start = self._build(tree, _MATCHED)

    def _alternatives(self, depth: int) -> list[list[_Item]]:
        """What is between bars, up to a closing parenthesis or the end; items are in reverse."""
        if depth > MAX_DEPTH:
            raise PatternError(f"groups of an expression are at most {MAX_DEPTH} deep: write fewer")
        found: list[list[_Item]] = [[]]
        while self._tokens and self._tokens[-1][1] != ")":
            kind, text = self._tokens.pop()
            if text == "|":
                found.append([])
            elif kind == "repeat":
                raise PatternError(f"an expression repeats nothing with {text}: write \\{text} for itself")
            else:
                found[-1].insert(0, self._item(kind, text, depth))
        return found

    def _item(self, kind: str, text: str, depth: int) -> _Item:
        inner: list[list[_Item]] | None = None
        if kind == "open":
            inner = self._alternatives(depth + 1)
            if not self._tokens:
                raise PatternError("an expression does not close a group: write ) at its end")
            self._tokens.pop()
        repeat = ""
        if self._tokens and self._tokens[-1][0] == "repeat" and text != "$":
            repeat = self._tokens.pop()[1][0]
        return _Item(text, inner, repeat)

    def _build(self, alternatives: list[list[_Item]], following: int) -> int:
        """The first state of alternatives that lead to `following`."""
        starts = []
        for items in alternatives:
            state = following
            for item in items:
                state = self._built(item, state)
            starts.append(state)
        return starts[0] if len(starts) == 1 else self._automaton.state(None, *starts)

    def _built(self, item: _Item, following: int) -> int:
        if item.text == "$":
            if following not in (_MATCHED, _MATCHED_AT_END):
                raise PatternError("an expression has $ at its end alone: write \\$ for the character")
            return _MATCHED_AT_END
        again = self._automaton.state(None, following) if item.repeat in ("*", "+") else following
        if item.inner is None:
            first = self._automaton.state(_compiled(item.text), again)
        else:
            first = self._build(item.inner, again)
        if item.repeat in ("*", "+"):
            self._automaton.lead(again, first)
        if item.repeat == "?":
            return self._automaton.state(None, first, following)
        return again if item.repeat == "*" else first


@dataclass(frozen=True)
class _Item:
    """One character or class, or alternatives in a group, and what repeats it."""

    text: str
    inner: list[list[_Item]] | None
    repeat: str


def _compiled(atom: str) -> _Atom:
    """The expression of one character."""
    try:
        return re.compile(atom)
    except re.error:
        raise PatternError(
            f"the class {atom} is malformed: write characters, or ranges from a to z"
        ) from None
