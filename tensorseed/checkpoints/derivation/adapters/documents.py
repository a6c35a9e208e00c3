"""Recipes of PEFT adapters, from configs of adapter and base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorseed.checkpoints.derivation.configs import MAX_NUMBER, check_config, members
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, shortened
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, pointer

Document = dict[str, Any]
BaseOf = Callable[[str], Mapping[str, Any] | None]
"""From the id of a recipe to its config; None without one."""

BASE = "base_model_name_or_path"
MAX_RANK = 65_536

_DATA = "this init is computed from the base's weights or from data: give true, false or gaussian"
_INITS = (True, False, "gaussian", "orthogonal")


def is_adapter(document: Any) -> bool:
    """Whether a document is an adapter_config.json, or one with the config of its base."""
    return isinstance(document, dict) and ("peft_type" in document or "adapter_config" in document)


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
        raise ConfigError.at(f"/{BASE}", f"{detail}: name one, such as tensorseed/tiny-llama")
    return {"adapter_config": document, "base_config": base}


def check_adapter(document: Mapping[str, Any]) -> None:
    """Raise ConfigError unless an adapter can be built; pointers lead into its config."""
    adapter, base = document.get("adapter_config"), document.get("base_config")
    if not isinstance(adapter, dict) or not isinstance(base, dict):
        detail = f"an adapter is its adapter_config.json, whose {BASE} is the id of a recipe"
        raise ConfigError.at("", detail)
    faults = [Fault(pointer(path), detail) for path, detail in _faults(adapter)]
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])
    try:
        check_config(base)
    except ConfigError as error:
        detail = f"no adapter is derived for a base whose config is refused: {error}"
        raise ConfigError.at(f"/{BASE}", detail) from None


def _faults(adapter: Document) -> Iterator[tuple[Path, str]]:
    if adapter.get("peft_type") != "LORA":
        yield ("peft_type",), "peft_type must be LORA: no other kind of adapter is derived"
    if "auto_mapping" in adapter and adapter["auto_mapping"] is not None:
        yield ("auto_mapping",), "auto_mapping names a class of the base: leave it out"
    if adapter.get("init_lora_weights", True) not in _INITS:
        yield ("init_lora_weights",), _DATA
    if adapter.get("use_dora"):
        yield ("use_dora",), "use_dora needs the norms of the base's weights: leave it out"
    if adapter.get("eva_config") or adapter.get("corda_config") or adapter.get("loftq_config"):
        yield ("init_lora_weights",), _DATA
    for path, value in members(adapter):
        is_rank = path[0] in ("r", "rank_pattern")
        if isinstance(value, int) and abs(value) > (MAX_RANK if is_rank else MAX_NUMBER):
            yield path, f"a number of an adapter is at most {MAX_RANK if is_rank else MAX_NUMBER:,}"


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
