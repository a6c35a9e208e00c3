"""Lock files, from the requirements that a resolver writes."""

from __future__ import annotations

import pytest

from tools import lock

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")
RESOLVED = [
    f"click==8.5.1 \\\n    --hash={B} \\\n    --hash={A}",
    f"nvidia-cublas==13.1.1.3 ; sys_platform == 'linux' \\\n    --hash={A}",
    f"setuptools==84.2.1 \\\n    --hash={A}",
    f"torch==2.13.0 \\\n    --hash={B}",
    f"triton==3.7.1 ; sys_platform == 'linux' \\\n    --hash={A}",
]


def test_each_file_has_its_packages() -> None:
    found = lock.divided(RESOLVED)
    assert {name: [line.partition("==")[0] for line in lines] for name, lines in found.items()} == {
        "build": ["setuptools"],
        "service": ["click", "setuptools"],
        "cuda": ["nvidia-cublas", "triton"],
        "torch": ["torch"],
    }


def test_hashes_of_other_indexes_are_added() -> None:
    expected = f"torch==2.13.0 \\\n    --hash={A} \\\n    --hash={B} \\\n    --hash={C}"
    assert lock.with_hashes(RESOLVED[3], [C, A]) == expected
    assert lock.with_hashes(RESOLVED[1], []) == RESOLVED[1]


def test_an_index_out_of_reach_leaves_the_known_hashes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(lock, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(lock, "version", lambda _: "2.13.0+cpu")
    (tmp_path / "torch.txt").write_text(f"# text\n{RESOLVED[3]}\n")
    assert lock.torch_hashes("false", "https://index.example/") == {B}
    monkeypatch.setattr(lock, "version", lambda _: "2.14.0")
    with pytest.raises(SystemExit, match="cannot be reached: run it where it can"):
        lock.torch_hashes("false", "https://index.example/")
    assert [path.name for path in tmp_path.iterdir()] == ["torch.txt"]
