"""Recipes of PEFT adapters, from configs of adapter and base."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorseed.checkpoints.derivation.adapters.fields import field_faults
from tensorseed.checkpoints.derivation.configs import check_config
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, shortened
from tensorseed.spec.json.pointers import MAX_FAULTS, pointer

Document = dict[str, Any]
BaseOf = Callable[[str], Mapping[str, Any] | None]
"""From the id of a recipe to its config, or to what it has in its place; None without a recipe."""

BASE = "base_model_name_or_path"
_SUCH_AS = "name one, such as tensorseed/tiny-llama"


def is_adapter(document: Any) -> bool:
    """Whether a document is an adapter_config.json, or one with the config of its base.

    A model's own config may have a part called adapter_config.
    """
    if not isinstance(document, dict) or "model_type" in document:
        return False
    return "peft_type" in document or "adapter_config" in document


def with_base(document: Any, base_of: BaseOf) -> Any:
    """The content of an adapter_config.json with the config of its base; other documents as they are.

    Raises:
        ConfigError: it names no base that is known.
    """
    if not isinstance(document, dict) or "peft_type" not in document:
        return document
    name = document.get(BASE)
    base = base_of(name) if isinstance(name, str) else None
    if base is None:
        detail = f"{BASE} is the id of a recipe, and there is none called {shortened(str(name))}"
        raise ConfigError.at(f"/{BASE}", f"{detail}: {_SUCH_AS}")
    if (kind := _other_kind(base)) is not None:
        detail = f"{shortened(str(name))} is {kind}, and an adapter is of a model of transformers"
        raise ConfigError.at(f"/{BASE}", f"{detail}: {_SUCH_AS}")
    return {"adapter_config": document, "base_config": base}


def _other_kind(base: Mapping[str, Any]) -> str | None:
    """What a base is that is no model of transformers."""
    if "model_type" in base:
        return None
    if "adapter_config" in base or "peft_type" in base:
        return "an adapter itself"
    return "a pipeline" if "components" in base else "a model of diffusers" if "_class_name" in base else None


def check_adapter(document: Mapping[str, Any]) -> None:
    """Raise ConfigError unless an adapter can be built; pointers lead into its config."""
    adapter, base = document.get("adapter_config"), document.get("base_config")
    if not isinstance(adapter, dict) or not isinstance(base, dict):
        detail = f"an adapter is its adapter_config.json, whose {BASE} is the id of a recipe"
        raise ConfigError.at("", detail)
    faults = [Fault(pointer(path), detail) for path, detail in field_faults(adapter)]
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])
    try:
        check_config(base)
    except ConfigError as error:
        detail = f"no adapter is derived for a base whose config is refused: {error}"
        raise ConfigError.at(f"/{BASE}", detail) from None


def derive_adapter(document: Mapping[str, Any], name: str | None) -> Document:
    """The recipe of a checked adapter.

    Raises:
        ConfigError: peft cannot build it on its base, or no init expresses it.
    """
    from tensorseed.checkpoints.derivation.adapters.peft_adapters import adapter_weights

    adapter = dict(document["adapter_config"])
    weights = adapter_weights(adapter, document["base_config"])
    base = str(adapter.get(BASE)).rpartition("/")[2]
    return {"id": name or f"local/{base}-lora", "adapter_config": adapter, "weights": weights}
