"""Reasons why no model is built: transformers' own words, without paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tensorseed.checkpoints.derivation import derive, reasons
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.reasons import MAX_REASON_CHARS, missing_package, unbuildable

BUILDS_NONE = "transformers cannot build this model: "


@pytest.mark.parametrize(
    ("config", "pointer", "detail"),
    [
        (
            {"model_type": "reformer", "architectures": ["ReformerModelWithLMHead"]},
            "",
            f"{BUILDS_NONE}If you want to use `ReformerModelWithLMHead` make sure that `is_decoder=True`",
        ),
        (
            {"model_type": "opt", "vocab_size": 1, "hidden_size": 32, "num_attention_heads": 4},
            "/vocab_size",
            f"{BUILDS_NONE}pad_token_id must be within vocab_size",
        ),
        (
            {"model_type": "zamba2", "num_hidden_layers": 3},
            "/num_hidden_layers",
            f"{BUILDS_NONE}`num_hidden_layers` (3) must be equal to the number of `layer_types` (54)",
        ),
        (
            {"model_type": "llama", "hidden_size": 33, "num_attention_heads": 4},
            "/num_attention_heads",
            f"{BUILDS_NONE}The hidden size (33) is not a multiple of the number of attention heads (4)",
        ),
        ({"model_type": "llama", "hidden_act": "foo"}, "/hidden_act", "transformers does not know: foo"),
        (
            {"model_type": "gpt2", "n_head": 3, "n_embd": 8},
            "/n_head",
            f"{BUILDS_NONE}`embed_dim` must be divisible by num_heads (got `embed_dim`: 8 and",
        ),
        (
            {"model_type": "clip", "text_config": {"hidden_size": 8, "num_attention_heads": 3}},
            "/text_config/num_attention_heads",
            "not a multiple of the number of attention heads (3)",
        ),
        ({"model_type": "gpt2", "n_head": 0}, "/n_head", "n_head is 0: give at least 1"),
        ({"model_type": "llama", "hidden_size": 0}, "/hidden_size", "hidden_size is 0: give at least 1"),
        ({"model_type": "llama", "hidden_size": -8}, "/hidden_size", "hidden_size is -8: give at least 1"),
        ({"model_type": "mamba", "hidden_size": 0}, "/hidden_size", "hidden_size is 0: give at least 1"),
        ({"model_type": "vit", "patch_size": [4, 0]}, "/patch_size/1", "patch_size is 0: give at least 1"),
        (
            {"model_type": "llama", "hidden_size": 33, "num_attention_heads": 4, "sliding_window_size": -1},
            "/num_attention_heads",
            "The hidden size (33) is not a multiple of the number of attention heads (4)",
        ),
        (
            {"model_type": "bert", "hidden_size": -4, "num_attention_heads": 2, "head_dim": 0},
            "/hidden_size",
            "hidden_size is -4: give at least 1",
        ),
        (
            {"model_type": "bert", "num_attention_heads": 0, "window_size": -1},
            "/num_attention_heads",
            "num_attention_heads is 0: give at least 1",
        ),
        (
            {"model_type": "nemotron", "num_hidden_layers": 1},
            "/num_key_value_heads",
            "num_key_value_heads is needed: the class of nemotron has no default",
        ),
        ({"model_type": "esm"}, "/vocab_size", "vocab_size is needed: the class of esm has no default"),
        ({"model_type": "hunyuan_v1_moe", "num_hidden_layers": 1}, "/head_dim", "head_dim is needed"),
        (
            {"model_type": "musicgen_melody"},
            "/architectures",
            'write "architectures": ["MusicgenMelodyForConditionalGeneration"]',
        ),
        ({"model_type": "trocr"}, "/architectures", 'write "architectures": ["TrOCRForCausalLM"]'),
    ],
)
def test_what_transformers_says(config: Mapping[str, Any], pointer: str, detail: str) -> None:
    with pytest.raises(ConfigError) as caught:
        derive(config)
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail


def said(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(reasons, "_is_theirs", lambda _: True)
    return unbuildable({"model_type": "x"}, ValueError(text)).faults[0].detail.removeprefix(BUILDS_NONE)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Validation of x:\n   some.ValueError:  the a is  not b.", "the a is not b"),
        ("The a is not b. See https://example.com/x for more.", "The a is not b"),
        ("The a is not b. It is in /usr/lib/x.py now.", "The a is not b"),
        ("use a/b of 3 (4)", "use a/b of 3 (4)"),
    ],
)
def test_a_sentence_is_cleaned(text: str, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(text, monkeypatch) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oops",
        "cannot read /srv/models/config.json",
        "cannot read '../x'",
        "no such file: C:\\x y",
        "expected <class 'int'> here",
        "it is an object at 0x7f00deadbeef",
        "no attribute __len__ here",
        "a bell \x07 rings",
    ],
)
def test_what_is_not_for_people(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "do not fit each other" in said(text, monkeypatch)


def test_a_long_reason_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(said("a word " * 100, monkeypatch)) <= MAX_REASON_CHARS + 2


def test_words_of_others_are_not_passed_on() -> None:
    with pytest.raises(ValueError, match="of this test") as caught:
        raise ValueError("a sentence of this test")
    assert "do not fit each other" in unbuildable({"model_type": "x"}, caught.value).faults[0].detail


class _WithBackbone:
    backbone_config = object()


@pytest.mark.parametrize(
    ("error", "config", "pointer", "detail"),
    [
        (
            ImportError("X requires the timm library. You can install it:\n`pip install timm`. Restart."),
            None,
            "/model_type",
            "only with the package timm, which is not installed here: pip install timm",
        ),
        (
            ImportError("X requires the timm library. You can install it:\n`pip install timm`. Restart."),
            _WithBackbone(),
            "/backbone_config",
            'give backbone_config, such as {"model_type": "resnet"}',
        ),
        (
            ImportError("X requires the detectron2 library. See https://example.com/INSTALL.md"),
            None,
            "/model_type",
            "the package detectron2, which is not installed here: install detectron2",
        ),
        (ModuleNotFoundError("No module named 'q'", name="q"), None, "/model_type", "the package q, which"),
        (ImportError("what"), None, "/model_type", "packages that are not installed here: choose another"),
    ],
)
def test_a_missing_package_has_a_name(error: ImportError, config: object, pointer: str, detail: str) -> None:
    (fault,) = missing_package("x", error, config).faults
    assert fault.pointer == pointer
    assert detail in fault.detail
