"""Report of an initialisation: rows, texts, HTML."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

import tensorseed.torch as ts


def test_a_report_has_a_row_for_every_tensor() -> None:
    model: Any = nn.Sequential(nn.Linear(3, 4), nn.Embedding(0, 2))
    report = ts.init_(
        model, seed=6, rules=[{"match": "0.weight", "init": {"kind": "normal", "mean": 1, "std": 2}}]
    )
    assert isinstance(report, ts.InitReport)
    assert report.seed == 6
    assert report[0]._asdict() == {
        "name": "0.weight",
        "shape": (4, 3),
        "dtype": "float32",
        "init": {"kind": "normal", "mean": 1, "std": 2},
        "by": "rule 0",
        "mean": 1.0,
        "std": 2.0,
        "tied": (),
    }
    assert [row.name for row in report] == [*model.state_dict()]
    assert report[-1] == report["1.weight"] == report[1:][-1]
    with pytest.raises(KeyError, match="missing"):
        report["missing"]
    assert (report[-1].mean, report[-1].std) == (None, None)


def test_moments_are_those_of_the_values() -> None:
    model: Any = nn.Sequential(nn.Linear(200, 300))
    row = ts.init_(model)["0.weight"]
    assert abs(float(model[0].weight.detach().std()) / row.std - 1) < 0.01


def test_a_report_is_a_short_table() -> None:
    model: Any = nn.Sequential(*(nn.Linear(2, 2) for _ in range(40)))
    text = repr(ts.init_(model))
    assert text.splitlines()[0] == "80 tensors with 240 numbers, seed 0"
    assert re.fullmatch(
        r"0\.weight +2×2 +float32 +kaiming_uniform\(a=2\.236\) +default of Linear +0 +0\.4082",
        text.splitlines()[2],
    )
    assert text.splitlines()[-1] == "… and 60 more"


class Marked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("a<b", torch.zeros(2))
        self.register_parameter("<i>", nn.Parameter(torch.zeros(2)))


def test_html_is_escaped() -> None:
    page = ts.init_(Marked(), rules=[{"match": "*", "init": "ones"}])._repr_html_()
    assert ">&lt;i&gt;</td>" in page
    assert "<p>left as they are, since their modules compute them: a&lt;b</p>" in page
    assert page.count("<tr>") == page.count("</tr>") == 2
