"""quantization_config, written and read back, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tensorseed.checkpoints.quantization import ConfigFormatError, read_format, spelled_format, written_format
from tensorseed.spec.quantizations import METHODS

COMPRESSED = written_format("int8", ["lm_head"])


@pytest.mark.parametrize(
    "value",
    [
        *METHODS,
        {"method": "fp8", "block_size": [64, 32]},
        {"method": "gptq", "group_size": 64},
        {"method": "awq", "group_size": 32},
        {"method": "int4", "group_size": 32},
        {"method": "fp8", "scale_fmt": "ue8m0"},
        {"method": "fp8", "block_size": [64, 32], "scale_fmt": "ue8m0"},
        {"method": "fp8", "block_size": "tensor"},
        {"method": "gptq", "checkpoint_format": "gptq_v2"},
        {"method": "gptq", "group_size": 32, "checkpoint_format": "gptq_v2"},
        {"method": "int4", "group_size": 32, "symmetric": False},
        {"method": "int4", "symmetric": False},
        {"method": "fp8_block", "block_size": [64, 32]},
        {"method": "int8_packed", "group_size": 64},
        {"method": "int8_packed", "group_size": "channel"},
        {"method": "int4", "group_size": "channel"},
        {"method": "int4", "group_size": "channel", "symmetric": False},
    ],
    ids=str,
)
def test_what_is_written_is_read_back(value: Any) -> None:
    found = read_format(written_format(value, ["model.layers.0.mlp.gate", "lm_head"]))
    assert found.quantization == value
    assert found.ignores("lm_head") == (found.method != "gptq")  # outside its blocks
    assert found.ignores("model.layers.0.mlp.gate") == (found.method != "mxfp4")
    assert not found.ignores("model.layers.0.mlp.gate_proj")
    assert not found.ignores("model.layers.0.mlp.up_proj")


@pytest.mark.parametrize(
    ("pattern", "module", "ignored"),
    [
        ("lm_head", "lm_head", True),
        ("lm_head", "lm_head_2", False),
        ("gate", "model.layers.3.mlp.gate", True),
        ("gate", "model.layers.3.mlp.gate_proj", False),
        ("model.layers.*.self_attn", "model.layers.11.self_attn.q_proj", True),
        ("model.layers.1", "model.layers.11.mlp.up_proj", False),
        ("*_proj", "model.layers.3.self_attn.v_proj", True),
        ("self*v", "model.layers.3.self_attn.v_proj", False),
    ],
)
def test_patterns_of_modules(pattern: str, module: str, ignored: bool) -> None:
    found = read_format({"quant_method": "fp8", "modules_to_not_convert": [pattern]})
    assert found.ignores(module) is ignored


def weights(**changes: Any) -> dict[str, Any]:
    """A quantization_config of compressed-tensors with other weights."""
    group = COMPRESSED["config_groups"]["group_0"]
    return {**COMPRESSED, "config_groups": {"a": {**group, "weights": {**group["weights"], **changes}}}}


def packed(**changes: Any) -> dict[str, Any]:
    """A config of four bits with other options of its weights."""
    return changed("int4", **changes)


def changed(method: str, **changes: Any) -> dict[str, Any]:
    """A config of a method with other options of its weights."""
    document = written_format(method, ["lm_head"])
    group = document["config_groups"]["group_0"]
    return {**document, "config_groups": {"a": {**group, "weights": {**group["weights"], **changes}}}}


@pytest.mark.parametrize("kept", [None, [], ["gate"], ["gate", "lm_head"]])
def test_both_names_of_what_is_left_out_count(kept: Any) -> None:
    document = {"quant_method": "fp8", "modules_to_not_convert": kept, "ignored_layers": ["lm_head"]}
    assert read_format(document).ignored.texts == tuple(dict.fromkeys([*(kept or []), "lm_head"]))


def test_an_order_that_needs_no_index_is_read() -> None:
    assert read_format(packed(actorder="static")) == read_format(written_format("int4", ["lm_head"]))


@pytest.mark.parametrize(
    ("document", "member", "detail"),
    [
        ("fp8", "", "must be an object"),
        ({}, "quant_method", "one of fp8, compressed-tensors, mxfp4, gptq, awq"),
        ({"quant_method": "bitsandbytes"}, "quant_method", "or leave quantization_config out"),
        ({"quant_method": ["fp8"]}, "quant_method", "one of"),
        ({"quant_method": "fp8", "weight_block_size": "tensor"}, "weight_block_size", "two sizes"),
        (
            {"quant_method": "fp8", "weight_block_size": None, "scale_fmt": "ue8m0"},
            "scale_fmt",
            "must be float here",
        ),
        ({"quant_method": "fp8", "activation_scheme": "none"}, "activation_scheme", "dynamic or static"),
        ({"quant_method": "fp8", "expert_dtype": "fp4"}, "expert_dtype", "must be fp8"),
        ({"quant_method": "fp8", "modules_to_convert": ["embed"]}, "modules_to_convert", "must be"),
        ({"quant_method": "fp8", "weight_block_size": [128, 1 << 20]}, "weight_block_size", "two sizes"),
        ({"quant_method": "fp8", "scale_fmt": "e5m3"}, "scale_fmt", "must be float or ue8m0"),
        ({"quant_method": "fp8", "modules_to_not_convert": "lm_head"}, "modules_to_not_convert", "a list"),
        ({"quant_method": "gptq", "bits": 8}, "bits", "must be 4"),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "group_size", "multiple of 8"),
        ({"quant_method": "gptq", "bits": 4, "sym": False}, "sym", "must be true"),
        ({"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}, "checkpoint_format", "be gptq"),
        ({"quant_method": "gptq", "bits": 4, "lm_head": True}, "lm_head", "must be false"),
        ({"quant_method": "gptq", "bits": 4, "pack_dtype": "int64"}, "pack_dtype", "must be int32"),
        ({"quant_method": "gptq", "bits": 4, "dynamic": [1]}, "dynamic", "an object"),
        (
            {"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*gate$": {"bits": 8}}},
            "dynamic",
            "leaves modules",
        ),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {"-:(?=a)$": {}}}, "dynamic", "has no [(][?]"),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {".*gate$": {}}}, "dynamic", "leaves modules"),
        ({"quant_method": "gptq", "bits": 4, "desc_act": "no"}, "desc_act", "must be false or true"),
        (
            {"quant_method": "gptq", "bits": 4, "modules_in_block_to_quantize": [["a"], [1]]},
            "modules_in_block_to_quantize",
            "a list of lists of names",
        ),
        ({"quant_method": "awq", "bits": 4, "backend": "llm-awq"}, "backend", "another order"),
        ({"quant_method": "awq", "bits": 4, "version": "gemv"}, "version", "must be gemm"),
        (weights(num_bits=4), "config_groups", "input_activations must be null"),
        (packed(strategy="tensor"), "config_groups", "int of 4 bits must be group or channel"),
        (weights(num_bits=4, type="float", strategy="group"), "config_groups", "must be tensor_group"),
        (weights(num_bits=2), "config_groups", 'num_bits and type .* float or int, not 2 and "int"'),
        (weights(type="bool"), "config_groups", 'not 8 and "bool"'),
        (weights(strategy="group"), "config_groups", "input_activations must be null"),
        (weights(strategy="block"), "config_groups", "int of 8 bits must be channel or group"),
        (changed("fp8_block", block_structure=128), "config_groups", "two sizes"),
        (changed("fp8_block", block_structure="128x"), "config_groups", "two sizes"),
        (changed("fp8_block", block_structure="128x1025"), "config_groups", "two sizes"),
        (changed("int8_packed", group_size=6), "config_groups", "a multiple of 4"),
        (changed("nvfp4", group_size=32), "config_groups", "group_size of float of 4 bits by tensor_group"),
        (changed("mxfp8", group_size=64), "config_groups", "must be 32 here"),
        (changed("mxfp8", scale_dtype=None), "config_groups", "a scale_dtype of torch.uint8"),
        (weights(strategy="group", num_bits=4), "config_groups", "input_activations must be null"),
        ({**packed(), "format": "int-quantized"}, "format", "must be pack-quantized"),
        (
            {"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq", "format": "gptq_v2"},
            "format",
            "must be equal",
        ),
        (packed(group_size=12), "config_groups", "a multiple of 8"),
        (packed(actorder="group"), "config_groups", "no activations to sort by"),
        (weights(symmetric=False), "config_groups", "symmetric of weights .* must be true: int of 4 bits"),
        (packed(symmetric=0), "config_groups", "symmetric of weights .* must be true or false"),
        ({**COMPRESSED, "config_groups": {}}, "config_groups", "one group"),
        (weights(dynamic=True), "config_groups", "must have scales"),
        (weights(scale_dtype="float32"), "config_groups", "of the dtype of the weights"),
        ({**COMPRESSED, "format": "pack-quantized"}, "config_groups", "input_activations must be null"),
        ({**COMPRESSED, "format": "float-quantized"}, "format", "must be int-quantized"),
        (
            {**COMPRESSED, "sparsity_config": {"format": "sparse-bitmask"}},
            "sparsity_config",
            "the format dense",
        ),
        ({**COMPRESSED, "kv_cache_scheme": {"num_bits": 8}}, "kv_cache_scheme", "must have type .float."),
        (
            {**COMPRESSED, "transform_config": {"config_groups": {"u": {}}}},
            "transform_config",
            "leave it out",
        ),
        ({**COMPRESSED, "ignore": ["re:(?!a)b"]}, "ignore", "has no [(][?] here: write characters"),
        ({**COMPRESSED, "ignore": ["a" * 257]}, "ignore", "at most 256 characters"),
        ({**COMPRESSED, "ignore": ["a"] * 4097}, "ignore", "at most 4,096 modules"),
        ({**COMPRESSED, "ignore": ["re:" + "a" * 250] * 5}, "ignore", "1,024 characters together"),
    ],
)
def test_what_is_not_supported_is_said(document: Any, member: str, detail: str) -> None:
    with pytest.raises(ConfigFormatError, match=detail) as caught:
        read_format(document)
    assert caught.value.member == member


def with_inputs(method: str, inputs: Any, outputs: Any = None) -> dict[str, Any]:
    """A config of compressed-tensors with activations of its own."""
    document = written_format(method, ["lm_head"])
    group = document["config_groups"]["group_0"]
    changed = {**group, "input_activations": inputs, "output_activations": outputs}
    return {**document, "config_groups": {"a": changed}}


STATIC = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True, "dynamic": False}


@pytest.mark.parametrize(
    ("method", "inputs", "outputs", "detail"),
    [
        ("int8", {**STATIC, "type": "int"}, None, "dynamic, or symmetric floats of 8 bits by tensor"),
        ("int8", STATIC, None, "must be of the type of the weights, int"),
        ("int8", {**STATIC, "strategy": "token", "dynamic": True}, None, "the type of the weights, int"),
        ("fp8_channel", {**STATIC, "type": "int"}, None, "the type of the weights, float"),
        ("fp8_channel", {**STATIC, "strategy": "token"}, None, "by tensor"),
        ("fp8_tensor", {**STATIC, "symmetric": False}, None, "symmetric floats"),
        ("fp8_tensor", {**STATIC, "dynamic": "local"}, None, "must be dynamic"),
        ("fp8_tensor", None, STATIC, "output_activations must be dynamic"),
        ("int4", {**STATIC, "type": "int", "strategy": "token", "dynamic": True}, None, "must be null"),
        ("int4", [1], None, "input_activations must be an object that says how, or null"),
        ("fp8_tensor", "x", None, "input_activations must be an object"),
        ("fp8_tensor", {}, None, "input_activations must be an object"),
        ("fp8_tensor", None, ["x"], "output_activations must be an object"),
        ("nvfp4", {**STATIC, "strategy": "token", "dynamic": True}, None, "the bits of the weights, 4"),
        ("nvfp4", {**STATIC, "num_bits": 4}, None, "input_activations of nvfp4 must be symmetric"),
        (
            "int8",
            {**STATIC, "type": "int", "num_bits": 4, "dynamic": True},
            None,
            "the bits of the weights, 8",
        ),
    ],
)
def test_activations_that_are_calibrated_are_refused(
    method: str, inputs: Any, outputs: Any, detail: str
) -> None:
    with pytest.raises(ConfigFormatError, match=detail):
        read_format(with_inputs(method, inputs, outputs))


def test_static_floats_by_tensor_have_a_scale_beside_the_weights() -> None:
    found = read_format(with_inputs("fp8_tensor", STATIC)).activations
    assert found == ("input_scale", (1,), None, 1 / 32)
    assert read_format(with_inputs("fp8_tensor", None)).activations is None


def test_inputs_of_nvfp4_have_a_scale_of_the_tensor() -> None:
    """As compressed-tensors' preset NVFP4: a scale of 192 takes inputs up to 14."""
    inputs = {"num_bits": 4, "type": "float", "symmetric": True, "group_size": 16, "strategy": "tensor_group"}
    found = read_format(with_inputs("nvfp4", {**inputs, "dynamic": "local"})).activations
    assert found == ("input_global_scale", (1,), "float32", 192)


@pytest.mark.parametrize(
    ("scheme", "detail"),
    [
        ([1], "must be an object or null"),
        ({**STATIC, "num_bits": 4}, "must have num_bits 8"),
        ({**STATIC, "type": "int"}, 'must have type "float"'),
        ({**STATIC, "strategy": "attn_head"}, 'must have strategy "tensor"'),
        ({**STATIC, "symmetric": 1}, "must have symmetric true"),
        ({**STATIC, "dynamic": True}, "must have dynamic false"),
    ],
    ids=str,
)
def test_another_scheme_of_a_cache_is_refused_by_its_member(scheme: Any, detail: str) -> None:
    with pytest.raises(ConfigFormatError, match=detail) as caught:
        read_format({**COMPRESSED, "kv_cache_scheme": scheme})
    assert caught.value.member == "kv_cache_scheme"


def test_blocks_as_older_versions_wrote_them_become_lists() -> None:
    for value, sizes in ((None, [128, 128]), ("128x128", [128, 128]), ("64x32", [64, 32])):
        document = changed("fp8_block", block_structure=value)
        whole = changed("fp8_block", block_structure=sizes)
        assert read_format(document) == read_format(whole)
        assert spelled_format(document) == whole
    del document["config_groups"]["a"]["weights"]["block_structure"]
    assert read_format(document).quantization == "fp8_block"


def test_a_strategy_that_is_missing_follows_from_the_size_of_a_group() -> None:
    """As compressed-tensors infers it."""
    assert read_format(changed("int4", strategy=None, group_size=32)) == read_format(packed(group_size=32))
    assert read_format(changed("int8_packed", strategy=None, group_size=-1)).quantization == {
        "method": "int8_packed",
        "group_size": "channel",
    }
    assert read_format(changed("fp8_tensor", strategy=None)).quantization == "fp8_tensor"


def groups(*found: Any, **members: Any) -> dict[str, Any]:
    """A config of several groups."""
    document = written_format("fp8_channel", ["lm_head"])
    one = document["config_groups"]["group_0"]
    named = {f"group_{place}": {**one, **changes} for place, changes in enumerate(found)}
    return {**document, "config_groups": named, **members}


def test_groups_of_one_method_quantise_what_they_target() -> None:
    """As llm-compressor writes several modifiers."""
    own = {"format": "float-quantized"}
    document = groups(
        {"targets": ["re:.*self_attn.*"], **own},
        {"targets": ["re:.*mlp.down_proj$", "model.layers.0.mlp.up_proj"], **own},
        format="mixed-precision",
    )
    found = read_format(document)
    assert found.quantization == "fp8_channel"
    modules = ["self_attn.q_proj", "mlp.down_proj", "mlp.up_proj", "mlp.gate_proj"]
    quantised = [not found.ignores(f"model.layers.{layer}.{one}") for layer in (0, 1) for one in modules]
    assert quantised == [True, True, True, False, True, True, False, False]
    everything = read_format(groups({"targets": ["Linear"], **own}, format="mixed-precision"))
    assert everything == read_format(groups({}))


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        (groups({}, {"targets": ["a"], "input_activations": STATIC}), "quantise all alike"),
        (groups({}, format="mixed-precision"), "the format of the group must be float-quantized"),
        (groups({"format": "dense"}), "the format of the group must be float-quantized"),
        (groups({"targets": ["Embedding"]}), "targets must be"),
        (groups({"targets": [""]}), "targets must be"),
        (groups({"targets": []}), "targets must be"),
        (groups({"targets": ["re:(?!a)b"]}), "has no [(][?] here"),
        (groups({"weights": None}), "must have weights"),
        (groups(*[{}] * 65), "or up to 64"),
    ],
)
def test_groups_that_are_not_supported_are_refused(document: Any, detail: str) -> None:
    with pytest.raises(ConfigFormatError, match=detail):
        read_format(document)


def test_int8_for_float_inputs_is_packed_unless_its_format_says_else() -> None:
    """As compressed-tensors infers it."""
    document = with_inputs("int8", None)
    del document["format"]
    assert read_format(document).quantization == {"method": "int8_packed", "group_size": "channel"}
    assert read_format({**document, "format": "int-quantized"}).quantization == "int8"


def test_fp8_in_other_words() -> None:
    """Capitals, and the members of MiniMax."""
    document = {
        "quant_method": "fp8",
        "fmt": "float8_e4m3fn",
        "scale_fmt": "UE8M0",
        "ignored_layers": ["gate"],
    }
    found = read_format(document)
    assert found.quantization == {"method": "fp8", "scale_fmt": "ue8m0"}
    assert found.ignores("model.layers.0.gate")
    static = read_format({"quant_method": "fp8", "activation_scheme": "STATIC", "weight_block_size": None})
    assert static.quantization == {"method": "fp8", "block_size": "tensor"}
    assert static.activations == ("activation_scale", (), "float32", 1 / 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "naive-quantized"},
        {"sparsity_config": {}},
        {"sparsity_config": {"format": "dense"}, "kv_cache_scheme": None, "transform_config": {}},
    ],
    ids=str,
)
def test_members_that_change_no_file_are_read(changes: dict[str, Any]) -> None:
    assert read_format({**COMPRESSED, **changes}) == read_format(COMPRESSED)


def test_gptq_sorted_by_activations_has_the_same_layout() -> None:
    document = written_format("gptq", [])
    assert read_format(document | {"desc_act": True}) == read_format(document)


def test_gptq_quantises_the_modules_of_a_block_that_its_config_names() -> None:
    """As Qwen1.5-MoE's published config does."""
    blocks = [["self_attn.q_proj"], ["mlp.experts.0.up_proj"]]
    document = {"quant_method": "gptq", "bits": 4, "modules_in_block_to_quantize": blocks}
    found = read_format(document)
    assert not found.ignores("model.layers.3.self_attn.q_proj")
    assert found.ignores("model.layers.3.mlp.shared_expert_gate")
    assert (
        read_format(
            document | {"modules_in_block_to_quantize": ["self_attn.q_proj", "mlp.experts.0.up_proj"]}
        )
        == found
    )


@pytest.mark.parametrize("method", ["fp8", "mxfp4", "gptq", "awq"])
def test_transformers_reads_what_is_written(method: str) -> None:
    from transformers.quantizers.auto import AutoQuantizationConfig

    written = written_format(method, ["model.layers.0.mlp.gate", "lm_head"])
    config = AutoQuantizationConfig.from_dict(dict(written))
    assert config.quant_method == method
    found = config.to_dict()
    same = {"bits", "group_size", "sym", "desc_act", "checkpoint_format", "zero_point", "version"}
    same |= {"weight_block_size", "activation_scheme", "modules_to_not_convert"}
    assert all(found[name] == written[name] for name in same & written.keys())
