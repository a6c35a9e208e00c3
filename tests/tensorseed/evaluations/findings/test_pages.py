"""Entries of warnings in the docs: cause, sign, cure, working examples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tensorseed.evaluations.report import CODES
from tests.tensorseed.evaluations.cases import report

PAGE = (Path(__file__).parents[4] / "docs" / "evaluations.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_code_has_an_entry() -> None:
    assert tuple(ENTRIES) == CODES


@pytest.mark.parametrize("code", CODES)
def test_an_entry_has_cause_sign_cure_and_examples_that_hold(code: str) -> None:
    entry = ENTRIES[code]
    assert re.findall(r"^\| (\w+) \| \S.* \|$", entry, re.MULTILINE) == ["cause", "sign", "cure"]
    first, second = map(json.loads, re.findall(r"^```json\n(.*?)^```", entry, re.MULTILINE | re.DOTALL))
    assert code in [one.code for one in report(first).warnings]
    assert [one.code for one in report(second).warnings] == []
