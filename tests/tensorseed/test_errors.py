"""Texts of errors, as a script or a notebook shows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tensorseed
from tensorseed.errors import MAX_SHOWN_FAULTS, Fault

INVALID = {"seed": -1, "layers": [{"name": "w", "type": "Tensor", "shape": [2], "init": "one"}]}


def test_an_error_of_one_fault_says_where_it_is() -> None:
    with pytest.raises(tensorseed.SpecError) as refused:
        tensorseed.open({**INVALID, "seed": 0})
    (fault,) = refused.value.faults
    assert str(refused.value) == f"/layers/0/init: {fault.detail}"


def test_an_error_of_several_faults_has_a_line_for_each() -> None:
    with pytest.raises(tensorseed.SpecError) as refused:
        tensorseed.open(INVALID)
    heading, *lines = str(refused.value).split("\n")
    assert heading == "the spec has 2 faults:"
    assert lines == [f"  {fault.pointer}: {fault.detail}" for fault in refused.value.faults]
    first = refused.value.faults[0].detail
    assert refused.value.summary == f"{first} (the first of 2 faults)"


def test_the_text_of_very_many_faults_is_bounded() -> None:
    error = tensorseed.SpecError([Fault(f"/{i}", "wrong") for i in range(MAX_SHOWN_FAULTS + 5)])
    lines = str(error).split("\n")
    assert len(lines) == MAX_SHOWN_FAULTS + 2
    assert lines[-1] == "  … and 5 more"


NETWORK = {"layers": [{"name": "a", "type": "Flatten"}], "input": {"shape": [2, 2]}}


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("torch", "import tensorseed.torch"),
        ("jax", "import tensorseed.jax"),
        ("torch", f"import tensorseed; tensorseed.calibrate({NETWORK})"),
    ],
    ids=["torch", "jax", "calibrate"],
)
def test_a_framework_that_lacks_is_named_with_its_extra(name: str, use: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None; {use}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = run.stderr.splitlines()[-1]
    assert last == f"ModuleNotFoundError: {name} is not installed: pip install 'tensorseed[{name}]'"
