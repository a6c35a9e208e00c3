"""Schemas of the Hub's protocol and of recipes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from ..http.schemas import Described

REPOSITORY = "tensorseed/tiny-llama"
COMMIT = "0123456789abcdef01234567000000000000002a"
SHA256 = "0e8d0fd8ff0d534e95ae5d44132ef80e48fc40548ccfbefeacc0526d572980d3"
OID = "ce013625030ba8dba906f756967f9e9ca394464a"
WHEN = "1970-01-01T00:00:00.000Z"  # of every commit: a function of its recipe has no date

_TENSOR = {"name": "model.norm.weight", "type": "Tensor", "shape": [64], "init": "ones"}
RECIPE = {
    "id": REPOSITORY,
    "config": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
    "weights": {"dtype": "float32", "layers": [_TENSOR]},
}


class Spelled(Described):
    """Base of the answers, with field names in the Hub's camel case."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


class HubError(Described):
    """An error. The field X-Error-Code says which."""

    error: str = Field(description="The fault and its remedy.", examples=["no recipe has this id"])


class SiblingLfs(Spelled):
    """The Git LFS object of a file, in the form of a repository's answer."""

    sha256: str = Field(description="The SHA-256 of the file.", examples=[SHA256])
    size: int = Field(description="The size of the file in bytes.", examples=[469_504])
    pointer_size: int = Field(description="The size of its pointer file in bytes.", examples=[131])


class Lfs(Spelled):
    """The Git LFS object of a file."""

    oid: str = Field(description="The SHA-256 of the file.", examples=[SHA256])
    size: int = Field(description="The size of the file in bytes.", examples=[469_504])
    pointer_size: int = Field(description="The size of its pointer file in bytes.", examples=[131])


class Sibling(Spelled):
    """A file of a repository."""

    rfilename: str = Field(description="The file's path.", examples=["config.json"])
    size: int = Field(description="Its size in bytes.", examples=[543])
    blob_id: str = Field(description="Its object id, which identifies its bytes.", examples=[OID])
    lfs: SiblingLfs | None = Field(
        None,
        description="With `blobs`: the Git LFS object of a small file of weights.",
        examples=[{"sha256": SHA256, "size": 469_504, "pointerSize": 131}],
    )


class ModelTensors(Spelled):
    """The elements of a repository's tensors."""

    parameters: dict[str, int] = Field(
        description="Their number, by the safetensors name of their dtype.", examples=[{"F32": 117_376}]
    )
    total: int = Field(description="Their number altogether.", examples=[117_376])


class Model(Spelled):
    """A repository."""

    id: str = Field(description="The id.", examples=[REPOSITORY])
    model_id: str = Field(description="The id.", examples=[REPOSITORY])
    aliases: list[str] = Field(
        description="Further ids that it answers to.", examples=[["gpt2", "openai-community/gpt2"]]
    )
    author: str | None = Field(description="The part of the id before its slash.", examples=["tensorseed"])
    created_at: str = Field(description="A constant.", examples=[WHEN])
    last_modified: str = Field(description="A constant.", examples=[WHEN])
    private: bool = Field(description="false.", examples=[False])
    gated: bool = Field(description="false.", examples=[False])
    disabled: bool = Field(description="false.", examples=[False])
    downloads: int = Field(description="0: nothing is counted here.", examples=[0])
    likes: int = Field(description="0, since nothing is counted here.", examples=[0])
    tags: list[str] = Field(
        description="What the model is.", examples=[["transformers", "safetensors", "llama"]]
    )
    pipeline_tag: str | None = Field(
        alias="pipeline_tag", description="What the model is for.", examples=["text-generation"]
    )
    library_name: str = Field(alias="library_name", description="transformers.", examples=["transformers"])
    config: dict[str, Any] = Field(
        description="The architecture.",
        examples=[{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}],
    )
    card_data: dict[str, Any] = Field(
        description="What the head of its card says.", examples=[{"library_name": "transformers"}]
    )
    identifier: str = Field(alias="_id", description="A digest of the id.", examples=["6734cc03bb0fe1a1ccb5"])


class ListedSibling(Spelled):
    """A file of a repository in a list of models."""

    rfilename: str = Field(description="The file's path.", examples=["config.json"])


class ListedModel(Model):
    """A repository in a list of models."""

    sha: str | None = Field(None, description="With `full`: the commit of `main`.", examples=[COMMIT])
    siblings: list[ListedSibling] | None = Field(
        None, description="With `full`: the files of `main`.", examples=[[{"rfilename": "config.json"}]]
    )


class ModelInfo(Model):
    """A repository at one revision."""

    sha: str = Field(description="The commit.", examples=[COMMIT])
    siblings: list[Sibling] = Field(
        description="The files.", examples=[[{"rfilename": "config.json", "size": 543, "blobId": OID}]]
    )
    safetensors: ModelTensors = Field(
        description="What its tensors hold.", examples=[{"parameters": {"F32": 117_376}, "total": 117_376}]
    )
    used_storage: int = Field(description="Bytes of all files, none of them stored.", examples=[469_504])


class LastCommit(Spelled):
    """The commit that an entry is of."""

    id: str = Field(description="The commit.", examples=[COMMIT])
    title: str = Field(description="What it is.", examples=[f"{REPOSITORY} at seed-42"])
    date: str = Field(description="A constant.", examples=[WHEN])


class TreeEntry(Spelled):
    """A file or a folder."""

    type: Literal["file", "directory"] = Field(description="Which of both.", examples=["file"])
    path: str = Field(description="Its path.", examples=["config.json"])
    size: int = Field(description="Its size in bytes; 0 for a folder.", examples=[543])
    oid: str = Field(description="Its object id, which identifies its bytes.", examples=[OID])
    lfs: Lfs | None = Field(
        None,
        description="The Git LFS object of a small file of weights.",
        examples=[{"oid": SHA256, "size": 469_504, "pointerSize": 131}],
    )
    last_commit: LastCommit | None = Field(
        None,
        description="Its commit, with `expand`.",
        examples=[{"id": COMMIT, "title": f"{REPOSITORY} at seed-42", "date": WHEN}],
    )


class PathsRequest(Spelled):
    """The paths to describe."""

    paths: list[str] = Field(description="Paths of files and folders.", examples=[["config.json"]])
    expand: bool = Field(False, description="Whether to add the commit of each.", examples=[False])


class RepositoryRef(Spelled):
    """A branch."""

    name: str = Field(description="Its name.", examples=["main"])
    ref: str = Field(description="Its full name.", examples=["refs/heads/main"])
    target_commit: str = Field(description="The commit that it stands for.", examples=[COMMIT])


class Refs(Spelled):
    """The refs of a repository: `main`. Every seed is a revision too, and they are too many to list."""

    branches: list[RepositoryRef] = Field(
        description="main.", examples=[[{"name": "main", "ref": "refs/heads/main", "targetCommit": COMMIT}]]
    )
    tags: list[RepositoryRef] = Field(description="None.", examples=[[]])
    converts: list[RepositoryRef] = Field(description="None.", examples=[[]])
    pull_requests: list[RepositoryRef] = Field(description="None.", examples=[[]])


class Commit(Spelled):
    """The commit of a revision, the only one in its history."""

    id: str = Field(description="The commit.", examples=[COMMIT])
    title: str = Field(description="What it is.", examples=[f"{REPOSITORY} at seed-42"])
    message: str = Field(description="Empty.", examples=[""])
    authors: list[dict[str, str]] = Field(description="This service.", examples=[[{"user": "tensorseed"}]])
    date: str = Field(description="A constant.", examples=[WHEN])


class ShardHeaders(Spelled):
    """The headers of all shards of a repository."""

    index: dict[str, Any] = Field(
        description="The index without its map, which the headers repeat.",
        examples=[{"metadata": {"total_size": 469_504}}],
    )
    headers: dict[str, dict[str, Any]] = Field(
        description="The header of each shard, as safetensors writes it.",
        examples=[
            {
                "model-00001-of-00002.safetensors": {
                    "w": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}
                }
            }
        ],
    )


class RepositoryAccess(Spelled):
    """That a repository may be read."""

    access: Literal["read"] = Field(description="read.", examples=["read"])


class Whoami(Spelled):
    """The owner of a key, by its name."""

    type: str = Field(description="user.", examples=["user"])
    id: str = Field(description="The key's name.", examples=["ci"])
    name: str = Field(description="The key's name.", examples=["ci"])
    fullname: str = Field(description="The key's name.", examples=["ci"])
    orgs: list[dict[str, str]] = Field(description="None.", examples=[[]])
    auth: dict[str, Any] = Field(
        description="The rights of the key.",
        examples=[
            {"type": "access_token", "accessToken": {"displayName": "ci", "role": "read", "createdAt": WHEN}}
        ],
    )


class RecipeSummary(Described):
    """The totals of a recipe."""

    id: str = Field(description="The repository's id.", examples=[REPOSITORY])
    aliases: list[str] = Field(
        description="Further ids that it answers to.", examples=[["gpt2", "openai-community/gpt2"]]
    )
    description: str = Field(description="What it is; may be empty.", examples=["Llama 3, made tiny."])
    family: str | None = Field(description="model_type, or the class of diffusers.", examples=["llama"])
    dtype: str = Field(description="The dtype of tensors without one of their own.", examples=["float32"])
    parameters: int = Field(description="Elements of all tensors.", examples=[117_376])
    size: int = Field(description="Bytes of the files of weights.", examples=[471_384])
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


class ConfigWarning(Described):
    """A member of a config that a derivation passes over, or that stands against a tokenizer."""

    pointer: str = Field(description="A JSON Pointer to it.", examples=["/auto_map"])
    code: str = Field(
        description="What it is: auto_map, auto_dtype, or vocab_size, which has no room for a tokenizer.",
        examples=["auto_map"],
    )
    detail: str = Field(
        description="What is done instead.",
        examples=["auto_map is left out: it names code of the repository"],
    )


class RecipePlan(Described):
    """The recipe of a config, and its totals."""

    recipe: dict[str, Any] = Field(description="The recipe, to be saved as a file.", examples=[RECIPE])
    tensors: int = Field(description="The number of tensors.", examples=[21])
    parameters: int = Field(description="Elements of all tensors.", examples=[117_376])
    bytes: int = Field(description="Bytes of all tensors.", examples=[469_504])
    shards: int = Field(description="Files of weights.", examples=[1])
    warnings: list[ConfigWarning] = Field(
        description="Members of the config that were passed over.",
        examples=[[{"pointer": "/auto_map", "code": "auto_map", "detail": "auto_map is left out"}]],
    )
