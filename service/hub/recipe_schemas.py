"""The answers about recipes, as models that document them; they are written from dictionaries."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..http.schemas import Described
from .schemas import COMMIT, OID, REPOSITORY

_TENSOR = {"name": "model.norm.weight", "type": "Tensor", "shape": [64], "init": "ones"}
RECIPE = {
    "id": REPOSITORY,
    "config": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
    "weights": {"dtype": "float32", "layers": [_TENSOR]},
}


class RecipeSummary(Described):
    """What a recipe amounts to."""

    id: str = Field(description="The repository's id.", examples=[REPOSITORY])
    description: str = Field(description="What it is; may be empty.", examples=["Llama 3, made tiny."])
    dtype: str = Field(description="The dtype of tensors without one of their own.", examples=["float32"])
    parameters: int = Field(description="Elements of all tensors.", examples=[117_376])
    size: int = Field(description="Bytes of all files.", examples=[474_931])
    files: int = Field(description="The number of files.", examples=[4])


class RecipeFile(Described):
    """A file of the repository, at `main`."""

    path: str = Field(description="Its path.", examples=["config.json"])
    size: int = Field(description="Its size in bytes.", examples=[543])
    oid: str = Field(description="Its object id, which identifies its bytes.", examples=[OID])


class RecipeDetail(RecipeSummary):
    """A recipe, and its repository at `main`."""

    commit: str = Field(description="The commit of `main`.", examples=[COMMIT])
    listing: list[RecipeFile] = Field(
        description="The files.", examples=[[{"path": "config.json", "size": 543, "oid": OID}]]
    )
    recipe: dict[str, Any] = Field(description="The recipe itself.", examples=[RECIPE])


class RecipePlan(Described):
    """What a config would become."""

    recipe: dict[str, Any] = Field(description="The recipe, to be saved as a file.", examples=[RECIPE])
    tensors: int = Field(description="The number of tensors.", examples=[21])
    parameters: int = Field(description="Elements of all tensors.", examples=[117_376])
    bytes: int = Field(description="Bytes of all tensors.", examples=[469_504])
    shards: int = Field(description="Files of weights.", examples=[1])
