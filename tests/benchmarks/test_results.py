"""A run as JSON comes back as it was."""

from __future__ import annotations

import json

from benchmarks.results import KINDS, read, write
from tests.benchmarks.test_table import ROWS


def test_every_kind_of_row_comes_back(tmp_path):
    path = tmp_path / "results" / "run.json"
    write(path, {"quick": True}, {"first": ROWS[:2], "second": ROWS[2:]})
    assert read(path) == ROWS
    assert {type(row) for row in ROWS} == set(KINDS.values())


def test_the_file_says_whether_each_target_is_met(tmp_path):
    path = tmp_path / "run.json"
    write(path, {"machine": {"cores": 2}}, {"all": ROWS})
    document = json.loads(path.read_text())
    assert document["machine"] == {"cores": 2}
    assert [row.get("met") for row in document["sections"]["all"]] == [True, False, False, None, None]
