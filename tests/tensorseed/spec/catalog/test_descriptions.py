"""Descriptions of docstrings and fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tensorseed.spec.catalog.descriptions import docstring, parameters


class Base(BaseModel):
    """A base.

    Formula: y = x
    Source: a paper with a long title,
        in two lines
    Neither of these.
    """


class Derived(Base):
    """Another one.

    Formula: y = 2x
    """


class Undocumented(Derived):
    size: Annotated[int, Field(gt=0, lt=9)] | tuple[Annotated[int, Field(gt=0, lt=9)]] = 1
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = ()
    mode: Literal["one"] = "one"


def test_labels_are_inherited_one_by_one() -> None:
    expected = {
        "summary": "Another one.",
        "formula": "y = 2x",
        "source": "a paper with a long title, in two lines",
    }
    assert docstring(Derived) == expected
    assert docstring(Undocumented) == expected | {"summary": ""}
    assert docstring(Base, ["Source"]).keys() == {"summary", "source"}


def test_parameters_say_what_is_valid_inside_lists_too() -> None:
    size, sizes, mode = parameters(Undocumented, set())
    assert (size["type"], size["greater_than"], size["default"]) == ("integer or list of 1 integer", 0, 1)
    assert (sizes["type"], sizes["minimum"]) == ("list of integers", 1)
    assert (mode["type"], mode["choices"]) == ("string", ["one"])
