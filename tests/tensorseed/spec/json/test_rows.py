"""Long lists of named objects: what the parser of whole texts gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import SpecError
from tensorseed.spec import spec as specs
from tensorseed.spec.entries import EntryGroup, EntryValidator
from tensorseed.spec.json import rows, text
from tensorseed.spec.json.rows import Rows, read_rows
from tensorseed.spec.json.structure import scan
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

NAMES = st.one_of(st.just("ü.{0..3}"), st.just("a\tb"), st.just("{"), st.just(""), st.just("t1"))
SIZES = st.one_of(st.integers(0, 4), st.sampled_from([-1, 1 << 64, 1 << 62, "a", [1], 1.5]))
INITS = ["normal", "xavier_uniform", "Kaiming_Normal_", {"kind": "normal", "std": 0.5}, "orthogonal", "eye"]
SEEDS = [3, "5", 0, "007", (1 << 64) - 1, 1 << 64, -1, "x"]
PLAIN = st.fixed_dictionaries(
    {
        "type": st.just("Tensor"),
        "shape": st.lists(st.integers(0, 4), min_size=1, max_size=3),
        "init": st.sampled_from(INITS),
    },
    optional={"seed": st.sampled_from(SEEDS[:5]), "dtype": st.sampled_from(["bfloat16", "float16"])},
)
UNLIKE = st.fixed_dictionaries(
    {"type": st.sampled_from(["Tensor", "Linear", "Dense"])},
    optional={
        "name": NAMES,
        "shape": st.lists(SIZES, max_size=3),
        "init": st.sampled_from([*INITS, "nonsense", {"kind": "values", "data": [1, 2]}]),
        "seed": st.sampled_from(SEEDS),
        "stream": st.sampled_from(["t1", "x"]),
        "in_features": st.integers(1, 3),
        "out_features": st.integers(1, 3),
    },
)


def outcome(body: bytes) -> ResolvedSpec | list[tuple[str, str]]:
    try:
        return parse_spec(body, Limits())
    except SpecError as error:
        return [(fault.pointer, fault.detail) for fault in error.faults]


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read short texts as long ones are, and short lists in rows."""
    monkeypatch.setattr(text, "SHORT_BYTES", 0)
    monkeypatch.setattr(rows, "MIN_ROWS", 1)


def whole(parse: Callable[[], Any]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(specs, "load_rows", text.load)
        return parse()


@pytest.mark.usefixtures("long")
@given(
    plain=st.lists(PLAIN, min_size=2, max_size=6),
    unlike=st.lists(UNLIKE, max_size=2),
    more=st.sampled_from([{}, {"seed": 7}, {"rules": [{"match": "t1*", "init": "ones"}]}]),
    indent=st.sampled_from([None, 1]),
    order=st.randoms(use_true_random=False),
)
def test_a_spec_is_what_its_whole_text_gives(
    plain: list[dict[str, Any]], unlike: list[dict[str, Any]], more: Any, indent: int | None, order: Any
) -> None:
    layers = [{"name": f"t{index}", **entry} for index, entry in enumerate([*plain, *plain, *unlike])]
    order.shuffle(layers)
    shuffled = [dict(order.sample([*entry.items()], len(entry))) for entry in layers]
    body = json.dumps({**more, "layers": shuffled}, indent=indent, ensure_ascii=False).encode()
    assert outcome(body) == whole(lambda: outcome(body))


@pytest.mark.usefixtures("long")
@given(data=st.data())
def test_a_broken_text_has_the_same_faults(data: Any) -> None:
    entry = {"type": "Tensor", "shape": [2, 3], "init": "normal"}
    body = json.dumps({"layers": [{"name": f"t{index}", **entry} for index in range(4)]}).encode()
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(
        st.sampled_from(
            [b"", b"x", b",", b"}", b"]", b'"', b"\\", b"\xff", b"\0", b"\t", b"\n", b"\x1f", b'"name":"u",']
        )
    )
    broken = body[:at] + other + body[at + data.draw(st.integers(0, 1)) :]
    assert outcome(broken) == whole(lambda: outcome(broken))


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("octet", [b"\0", b"\t", b"\n", b"\x1f"])
def test_a_control_character_in_a_name_is_no_json(octet: bytes) -> None:
    entry = {"type": "Tensor", "shape": [2, 3], "init": "normal"}
    body = json.dumps({"layers": [{"name": f"t{index}", **entry} for index in range(4)]}).encode()
    broken = body.replace(b"t2", b"t" + octet + b"2")
    faults = outcome(broken)
    assert faults == whole(lambda: outcome(broken))
    assert isinstance(faults, list)
    assert faults[0][0] == ""


def found(layers: list[dict[str, Any]]) -> Rows | None:
    body = json.dumps({"layers": layers}).encode()
    return read_rows(body, scan(body))


def test_objects_of_one_form_are_parsed_once() -> None:
    layers = [
        {"name": f"t{i}", "type": "Tensor", "shape": [i % 50, 3], "init": "normal", "seed": i % 2}
        for i in range(200)
    ]
    read = found(layers)
    assert read is not None
    assert (read.objects, len(read.rows), len({id(row.form) for row in read.rows})) == (200, 50, 1)
    for row in read.rows:
        for name, index in zip(row.names, row.indices, strict=True):
            assert {"name": name, **row.document()} == layers[index]


@pytest.mark.parametrize("seeded", [lambda i: i, str, lambda i: i % 2 or "0", lambda _: None])
def test_entries_of_one_form_are_validated_once(
    monkeypatch: pytest.MonkeyPatch, seeded: Callable[[int], Any]
) -> None:
    """Whether a seed is a number or a text."""
    validated: list[int] = []
    validate = EntryValidator.validate

    def counting(self: EntryValidator, group: EntryGroup) -> Any:
        validated.append(group.indices[0])
        return validate(self, group)

    monkeypatch.setattr(text, "SHORT_BYTES", 0)
    monkeypatch.setattr(EntryValidator, "validate", counting)
    layers = [{"name": f"t{i}", "type": "Tensor", "shape": [i, 3], "init": "normal"} for i in range(100)]
    seeds = [{} if seeded(i) is None else {"seed": seeded(i)} for i in range(100)]
    found = parse_spec(json.dumps({"layers": [*map(dict.__or__, layers, seeds)]}).encode(), Limits())
    assert len(found.tensors) == 100
    assert validated == [0]


def test_a_list_of_few_or_of_unlike_objects_is_left_to_the_parser() -> None:
    entry = {"type": "Tensor", "shape": [2], "init": "normal"}
    assert found([{"name": f"t{i}", **entry} for i in range(rows.MIN_ROWS - 1)]) is None
    assert found([{"name": f"t{i}", **entry, f"x{i}": 1} for i in range(rows.MAX_FORMS + 1)]) is None
    assert found([{"name": f"t{i}", **entry} for i in range(rows.MIN_ROWS)]) is not None
