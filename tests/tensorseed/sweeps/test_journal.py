"""Journals: what a kill leaves is read, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorseed.sweeps.journal import JournalError, JournalInUseError, open_journal

VERSIONS = {"tensorseed": "1", "torch": "2"}


def written(path: Path) -> Path:
    with open_journal(path, VERSIONS, restart=False) as journal:
        journal.add("a", {"loss": float("inf"), "std": 0.1})
        journal.add("b", {"loss": None})
    return path.with_name(path.name + ".part")


def test_every_cut_of_the_last_line_loses_that_line_alone(tmp_path: Path) -> None:
    part = written(tmp_path / "r.csv")
    whole = part.read_bytes()
    ends = [index + 1 for index, one in enumerate(whole) if one == ord("\n")]
    for cut in range(len(whole) + 1):
        part.write_bytes(whole[:cut])
        with open_journal(tmp_path / "r.csv", VERSIONS, restart=False) as journal:
            assert len(journal.rows) == max(0, sum(end <= cut for end in ends) - 1)
            journal.add("c", {"loss": 1.0})
        with open_journal(tmp_path / "r.csv", VERSIONS, restart=False) as journal:
            assert journal.rows["c"] == {"loss": 1.0}


def test_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    written(tmp_path / "r.csv")
    with open_journal(tmp_path / "r.csv", VERSIONS, restart=False) as journal:
        assert journal.rows["a"] == {"loss": float("inf"), "std": 0.1}
        journal.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"hello", b"hello\n", b"{}\n", b'["tensorseed swept"]\n', b"\x80\x02\n"])
def test_another_file_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    part = tmp_path / "r.csv.part"
    part.write_bytes(content)
    with (
        pytest.raises(JournalError, match="no journal"),
        open_journal(part.with_suffix(""), VERSIONS, restart=False),
    ):
        pass
    assert part.read_bytes() == content


def test_rows_of_other_versions_are_refused(tmp_path: Path) -> None:
    part = written(tmp_path / "r.csv")
    other = {**VERSIONS, "torch": "3"}
    with (
        pytest.raises(JournalError, match="rows of tensorseed 1 and torch 2"),
        open_journal(tmp_path / "r.csv", other, restart=False),
    ):
        pass
    with open_journal(tmp_path / "r.csv", other, restart=True) as journal:
        assert journal.rows == {}
        journal.add("c", {"loss": 1.0})
    assert b'"torch":"3"' in part.read_bytes()


def test_two_sweeps_do_not_write_one_journal(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path / "r.csv", VERSIONS, restart=False),
        pytest.raises(JournalInUseError, match="another process"),
        open_journal(tmp_path / "r.csv", VERSIONS, restart=False),
    ):
        pass
