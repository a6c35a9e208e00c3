"""Annexes of the normative pages: current, and equal to the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tensorseed.sampling import transforms32, transforms64
from tensorseed.sampling.distributions import sinusoidal
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import SCHEME_CLASSES
from tensorseed.spec.spec import parse_spec
from tools.annexes.constants import bits_of
from tools.annexes.documents import annexes

DOCS = Path(__file__).parents[2] / "docs"
LAYERS_PAGE = (DOCS / "layers-v1.md").read_text(encoding="utf-8")
STREAM = (DOCS / "stream-v1.md").read_text(encoding="utf-8")
CONSTANTS = json.loads((DOCS / "stream-v1.constants.json").read_text(encoding="utf-8"))
PRECISIONS = {"float32": np.float32, "float64": np.float64}
IN_FORMULAS = {"CENTRE_LIMIT", "CENTRE_SHIFT", "TAIL_SHIFT", "MIDDLE_SHIFT", "FAR_SHIFT"}


def test_the_generated_annexes_are_current():
    current = {name: (DOCS / name).read_text(encoding="utf-8") for name in annexes()}
    assert annexes() == current, "run make docs"


def tabulated() -> dict[str, dict[str, str]]:
    """The constants in the page's tables: precision, name, decimal."""
    found: dict[str, dict[str, str]] = {name: {} for name in PRECISIONS}
    for table in re.findall(r"(?:^\|.*\n)+", STREAM, re.MULTILINE):
        head, _, *rows = [
            [cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()
        ]
        precision = head[0].removesuffix(" constant")
        if precision not in PRECISIONS:
            continue
        for row in rows:
            if head[1:] == ["TOP", "BOTTOM"]:
                region, number = row[0].split()
                cells = [
                    (f"{region}_{side}{number}", text) for side, text in zip(head[1:], row[1:], strict=True)
                ]
            else:
                cells = list(zip(row[0::2], row[1::2], strict=True))
            found[precision] |= {name: text for name, text in cells if text}
    return found


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_page_has_the_bits_of_every_constant(precision):
    found = {name: bits_of(PRECISIONS[precision](text)) for name, text in tabulated()[precision].items()}
    listed = {name: constant["bits"] for name, constant in CONSTANTS[precision].items()}
    formulaic = {name for name in listed if name in IN_FORMULAS or name.startswith("EXP")}
    assert found == {name: listed[name] for name in listed if name not in formulaic}
    for name in formulaic & IN_FORMULAS:
        text = f"{float(CONSTANTS[precision][name]['value']):g}"
        assert re.search(rf"\b{re.escape(text)}\b", STREAM)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_decimal_value_has_its_bits(precision):
    for name, constant in CONSTANTS[precision].items():
        assert bits_of(PRECISIONS[precision](constant["value"])) == constant["bits"], name


@pytest.mark.parametrize("module", [transforms32, transforms64, sinusoidal], ids=lambda m: m.__name__)
def test_no_constant_of_the_code_is_missing(module):
    """Powers of two apart, which need no table."""
    listed = {constant["bits"] for precision in PRECISIONS for constant in CONSTANTS[precision].values()}
    floats = {name: value for name, value in vars(module).items() if isinstance(value, np.floating)}
    assert floats
    for name, value in floats.items():
        assert bits_of(value) in listed or np.frexp(abs(value))[0] == 0.5, name


def test_integers_of_the_page_are_those_of_the_code():
    page = STREAM.lower()
    for name, constant in CONSTANTS["integers"].items():
        width = 16 if int(constant["value"], 16) >= 1 << 32 else 8
        assert f"0x{int(constant['value'], 16):0{width}x}" in page, name


@pytest.mark.parametrize("cls", SCHEME_CLASSES, ids=lambda cls: cls.spellings()[0])
def test_the_page_names_every_scheme_and_parameter(cls):
    assert f"`{cls.spellings()[0]}" in STREAM
    for name in cls.model_fields.keys() - {"kind"}:
        assert re.search(rf"\b{name}\b", STREAM), name


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind != "Tensor"])
def test_the_annex_has_every_layer_type(kind):
    assert re.search(rf"^## (?:torch\.nn\.)?(?:.*, )?{kind}(?:,|$)", LAYERS_PAGE, re.MULTILINE)


def test_the_example_of_the_file_page_is_what_a_spec_gives():
    page = (DOCS / "file-v1.md").read_text(encoding="utf-8")
    posted, recipe = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    resolved = parse_spec(posted.encode(), Limits())
    assert resolved.recipe == recipe.strip()
    names = page.rpartition("in file order, ")[2]
    assert re.findall(r"`(.+?)`", names) == [tensor.name for tensor in resolved.tensors]


@pytest.mark.parametrize("page", ["stream-v1.md", "file-v1.md", "layers-v1.md"])
def test_links_of_the_normative_pages_lead_somewhere(page):
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)", (DOCS / page).read_text(encoding="utf-8")):
        assert (DOCS / link).exists(), link
