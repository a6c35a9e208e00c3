"""Components for the members that models inherit."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from service.http.openapi import model_schemas
from service.server.openapi.inheritance import share_inherited
from service.server.openapi.schemas import PREFIX, ComponentSchemas

LONG = "What the animal is called by those who feed it, and by those who look for it at night. " * 3


class _Animal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(description=LONG, examples=["Tom"])
    age: int = Field(default=0, description=LONG, examples=[3])
    legs: int = Field(default=4, description="Its legs.")


class Cat(_Animal):
    """Catches mice."""

    type: Literal["Cat"]


class Bird(_Animal):
    """Flies."""

    type: Literal["Bird"]
    legs: int = Field(default=2, description="Its legs.")


class Home(BaseModel):
    """Where they live."""

    animals: list[Cat | Bird] = Field(description="Who lives there.")


def shared(**names: str) -> dict[str, Any]:
    schemas = ComponentSchemas({}, names).components(model_schemas(Home))
    return share_inherited(schemas, (Cat, Bird), names)


def test_what_models_have_alike_is_a_component() -> None:
    schemas = shared()
    assert [*schemas] == ["AnimalBase", "Bird", "Cat", "Home"]
    base = schemas["AnimalBase"]
    assert base["properties"].keys() == {"name", "age"}  # legs differ
    assert base["required"] == ["name"]
    assert base["description"] == "The members that Cat and Bird have."
    assert "additionalProperties" not in base
    for name, own in (("Cat", {"type", "legs"}), ("Bird", {"type", "legs"})):
        assert schemas[name]["allOf"] == [{"$ref": f"{PREFIX}AnimalBase"}]
        assert schemas[name]["properties"].keys() == own
        assert schemas[name]["required"] == ["type"]
        assert schemas[name]["unevaluatedProperties"] is False
        assert "additionalProperties" not in schemas[name]


def test_a_base_can_have_another_name() -> None:
    assert "Creature" in shared(AnimalBase="Creature")


def test_a_base_cannot_have_the_name_of_a_schema() -> None:
    with pytest.raises(ValueError, match="both called Home: rename the base by `names`"):
        shared(AnimalBase="Home")
