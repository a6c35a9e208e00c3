"""Schemas of models, with named types as components."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from service.http.openapi import member_schema, model_schemas
from service.server.openapi.schemas import PREFIX, ComponentSchemas, as_markdown


class Cat(BaseModel):
    type: Literal["Cat"]


class Dog(BaseModel):
    type: Literal["Hound"]


Animal = Annotated[Cat | Dog, Field(discriminator="type")]
Colour = Literal["red", "blue"]
Word = Literal["any"] | Animal


class Owner(BaseModel):
    """Someone.

    Formula: y = f[0](x)
    Source: a book
    """

    animal: Animal = Field(description="The animal.", examples=[{"type": "Cat"}])
    either: Word | None = Field(default=None, description="An animal, or any.")
    colour: Colour | None = Field(default=None, description="Its colour.", examples=["red"])
    size: int | None = Field(default=None, description="Its size.", examples=[1])
    pair: tuple[int, int] = Field(default=(0, 0), description="Two of them.", examples=[[1, 2]])
    mixed: tuple[int, str] = Field(description="Two kinds.", examples=[[1, "a"]])
    owners: list[Owner] = Field(description="More.", examples=[[]])


@pytest.fixture(scope="module")
def components() -> dict[str, Any]:
    types = {
        "Colour": Colour,
        "Animal": Animal,
        "Word": Word,
        "Size": member_schema(Owner, "size"),
    }
    return ComponentSchemas(types, {"Owner": "Keeper"}).components(model_schemas(Owner))


def test_models_and_types_are_components(components: dict[str, Any]) -> None:
    assert [*components] == ["Animal", "Cat", "Colour", "Dog", "Keeper", "Size", "Word"]
    assert "title" not in str(components)


def test_a_type_is_referred_to(components: dict[str, Any]) -> None:
    members = components["Keeper"]["properties"]
    assert members["animal"]["$ref"] == PREFIX + "Animal"
    assert members["animal"]["description"] == "The animal."
    assert members["either"]["anyOf"] == [{"$ref": PREFIX + "Word"}, {"type": "null"}]
    assert members["colour"]["anyOf"] == [{"$ref": PREFIX + "Colour"}, {"type": "null"}]
    assert members["size"] == {"$ref": PREFIX + "Size"}
    assert components["Size"]["type"] == ["integer", "null"]
    assert components["Word"]["anyOf"] == [{"const": "any"}, {"$ref": PREFIX + "Animal"}]


def test_a_renamed_model_is_referred_to_by_its_new_name(components: dict[str, Any]) -> None:
    assert components["Keeper"]["properties"]["owners"]["items"] == {"$ref": PREFIX + "Keeper"}


def test_a_discriminator_maps_what_is_not_the_name(components: dict[str, Any]) -> None:
    assert components["Animal"]["discriminator"] == {
        "propertyName": "type",
        "mapping": {"Hound": PREFIX + "Dog"},
    }


def test_tuples_have_items(components: dict[str, Any]) -> None:
    members = components["Keeper"]["properties"]
    assert members["pair"]["items"] == {"type": "integer"}
    assert (members["pair"]["minItems"], members["pair"]["maxItems"]) == (2, 2)
    assert members["mixed"]["items"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_a_type_and_a_model_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="both called \\['Owner'\\]"):
        ComponentSchemas({"Owner": Colour}, {}).components(model_schemas(Owner))


def test_docstrings_are_paragraphs(components: dict[str, Any]) -> None:
    assert components["Keeper"]["description"] == "Someone.\n\nFormula: `y = f[0](x)`"
    assert as_markdown("Formula: a\n    b") == "Formula: `a b`"
    assert as_markdown("Formula: ``a`` b") == "Formula: ``a`` b"
