"""Plans of tokenizers: families, ids of special tokens, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tensorseed.checkpoints.tokenizers import (
    TokenizerPlan,
    plan_tokenizer,
    tokenizer_texts,
    tokenizer_warnings,
)
from tensorseed.checkpoints.tokenizers.families import Kind
from tensorseed.checkpoints.tokenizers.plan import MAX_VOCABULARY, TooFewIdsError
from tests.tensorseed.checkpoints.tokenizers.configs import ALL, BERT, CLIP, LLAMA, QWEN, T5, config


def planned(document: dict[str, Any]) -> TokenizerPlan:
    plan = plan_tokenizer(document)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("name", "kind", "class_name"),
    [
        ("gpt2", Kind.BYTE_LEVEL, "GPT2Tokenizer"),
        ("llama", Kind.BYTE_FALLBACK, "PreTrainedTokenizerFast"),
        ("llama-3", Kind.BYTE_LEVEL, "PreTrainedTokenizerFast"),
        ("gemma", Kind.BYTE_FALLBACK, "GemmaTokenizer"),
        ("qwen", Kind.BYTE_LEVEL, "Qwen2Tokenizer"),
        ("bert", Kind.WORD_PIECE, "BertTokenizer"),
        ("roberta", Kind.BYTE_LEVEL, "RobertaTokenizer"),
        ("t5", Kind.UNIGRAM, "PreTrainedTokenizerFast"),
        ("clip", Kind.BYTE_LEVEL, "CLIPTokenizer"),
        ("whisper", Kind.BYTE_LEVEL, "WhisperTokenizer"),
    ],
)
def test_a_family_has_its_kind_and_class(name: str, kind: Kind, class_name: str) -> None:
    plan = planned(ALL[name])
    assert (plan.kind, plan.class_name, plan.size) == (kind, class_name, 1_000)


def test_special_tokens_have_the_ids_of_the_config() -> None:
    plan = planned({**LLAMA, "eos_token_id": [2, 700], "mask_token_id": 5, "pad_token_id": -1})
    assert plan.special == {0: "<unk>", 1: "<s>", 2: "</s>", 5: "<mask>", 700: "<eos_700>"}
    assert plan.roles == {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>", "pad": "</s>"}


def test_bert_has_the_published_ids_where_they_are_free() -> None:
    assert planned(BERT).special == {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    assert planned({**BERT, "pad_token_id": 101}).special[0] == "[CLS]"


def test_clip_ends_with_the_highest_id_as_it_pools_there() -> None:
    assert planned(CLIP).special == {998: "<|startoftext|>", 999: "<|endoftext|>"}
    other = config("clip_text_model", bos_token_id=5, eos_token_id=7, pad_token_id=7)
    assert planned(other).special == {5: "<|startoftext|>", 7: "<|endoftext|>"}
    within = {**CLIP, "text_config": {**CLIP["text_config"], "bos_token_id": 5, "eos_token_id": 600}}
    assert planned(within).special == {5: "<|startoftext|>", 600: "<|endoftext|>"}
    owl = {**within, "model_type": "owlvit"}
    assert planned(owl).special == {998: "<|startoftext|>", 999: "<|endoftext|>"}


def test_published_whisper_has_the_published_ids() -> None:
    plan = planned(
        {
            "model_type": "whisper",
            "vocab_size": 51_866,
            "bos_token_id": 50_257,
            "eos_token_id": 50_257,
            "decoder_start_token_id": 50_258,
        }
    )
    ids = {text: id_ for id_, text in [*plan.special.items(), *plan.pieces.items()]}
    names = ("<|startoftranscript|>", "<|en|>", "<|yue|>", "<|transcribe|>", "<|notimestamps|>", "<|30.00|>")
    assert [ids[name] for name in names] == [50_258, 50_259, 50_358, 50_360, 50_364, 51_865]


def test_a_model_of_images_and_text_has_a_token_for_an_image() -> None:
    plan = planned(
        {
            "model_type": "llava",
            "architectures": ["LlavaForConditionalGeneration"],
            "image_token_index": 999,
            "text_config": LLAMA,
        }
    )
    assert (plan.kind, plan.special[999], plan.members) == (
        Kind.BYTE_FALLBACK,
        "<image>",
        {"image_token": "<image>"},
    )
    assert plan.chats
    qwen = planned({**QWEN, "image_token_id": 7, "vision_start_token_id": 8})
    assert (qwen.special[7], qwen.special[8]) == ("<|image_pad|>", "<|vision_start|>")


def test_a_model_that_fills_masks_has_one() -> None:
    plan = planned(config("mpnet", architectures=["MPNetForMaskedLM"]))
    assert (plan.special, plan.roles) == (
        {0: "<pad>", 999: "<mask>"},
        {"mask": "<mask>", "pad": "<pad>"},
    )
    assert planned({**BERT, "architectures": ["BertForMaskedLM"]}).special[103] == "[MASK]"


@pytest.mark.parametrize(
    "document",
    [
        {"model_type": "vit"},
        {"model_type": "llama"},
        config("esm"),
        config("esmc"),
        config("dia_decoder"),
        config("gemma3n_audio"),
        config("gemma3n_vision"),
        config("qwen3_omni_moe_talker_text"),
        {"model_type": "vit_mae", "decoder_config": config("musicgen_decoder")},
        config("llama", vocab_size=258),
        config("gpt2", vocab_size=255),
        config("bert", vocab_size=100),
        config("t5", vocab_size=300),
        config("clip_text_model", vocab_size=500),
        config("llama", vocab_size=True),
        config("llama", vocab_size=-5),
        config("llama", vocab_size=10**9),
        config("llama", vocab_size="1000"),
        {"text_config": {"model_type": "vit"}},
        {},
    ],
)
def test_what_reads_no_text_or_has_too_few_ids_has_none(document: dict[str, Any]) -> None:
    assert tokenizer_texts(document) == {}


IDS = st.one_of(st.integers(-3, 1_200), st.none(), st.lists(st.integers(0, 1_000), max_size=3), st.text())
MEMBERS = st.sampled_from(
    [
        *(
            f"{name}_token_id"
            for name in ("bos", "eos", "pad", "unk", "mask", "s", "extra_5", "decoder_start")
        ),
        *(
            "image_token_index",
            "image_token_id",
            "start_token_id",
            "extra_id_0_token_id",
            "_token_id",
            "é_token_id",
        ),
    ]
)


@given(
    st.sampled_from(sorted({part["model_type"] for part in ALL.values()} | {"opt", "xglm"})),
    st.one_of(st.integers(250, 1_200), st.integers(-2, 300)),
    st.dictionaries(MEMBERS, IDS),
)
def test_any_ids_make_as_many_different_tokens(kind: str, size: int, ids: dict[str, Any]) -> None:
    document = {"model_type": kind, "vocab_size": size, **ids}
    try:
        plan = planned(document)
    except TooFewIdsError:
        assert size < 1_000
        assert [warning.pointer for warning in tokenizer_warnings(document)] == ["/vocab_size"]
        return
    for path, text in tokenizer_texts(document).items():
        made = text.make()
        if path == "tokenizer.json":
            vocab = orjson.loads(made)["model"]["vocab"]
            tokens = [token for token, _ in vocab] if isinstance(vocab, list) else list(vocab)
            assert len(set(tokens)) == size
            assert [tokens[id_] for id_ in plan.special] == list(plan.special.values())
    assert all(0 <= id_ < size for id_ in plan.special)


def test_too_few_ids_are_a_warning_that_says_how_many_are_enough() -> None:
    small = config("opt", vocab_size=32)
    (warning,) = tokenizer_warnings({"model_type": "llava", "text_config": small})
    assert (warning.pointer, warning.code) == ("/text_config/vocab_size", "vocab_size")
    assert warning.detail.endswith("272 are enough")
    assert tokenizer_texts({**small, "vocab_size": 272})
    assert tokenizer_warnings({"model_type": "vit"}) == tokenizer_warnings(LLAMA) == []


def test_a_class_that_reads_text_without_a_vocabulary_is_a_warning() -> None:
    (warning,) = tokenizer_warnings({"model_type": "new", "architectures": ["NewForCausalLM"]})
    assert warning.detail.startswith("NewForCausalLM reads text, but its config has no vocab_size")
    assert tokenizer_warnings({"model_type": "dia", "architectures": ["DiaForConditionalGeneration"]}) == []
    assert tokenizer_warnings({"model_type": "new", "architectures": ["NewModel"]}) == []


def test_the_vocabulary_of_a_model_within_a_model_is_that_of_its_text() -> None:
    thinker = {"vocab_size": 500, "image_token_id": 7, "text_config": config("qwen2_5_omni_text")}
    omni = {"model_type": "qwen2_5_omni", "thinker_config": thinker, "talker_config": {"vocab_size": 300}}
    plan = planned(omni)
    assert (plan.size, plan.class_name, plan.special[7]) == (1_000, "Qwen2Tokenizer", "<|image_pad|>")
    small = {**omni, "thinker_config": {**thinker, "text_config": {"vocab_size": 20}}}
    assert [warning.pointer for warning in tokenizer_warnings(small)] == [
        "/thinker_config/text_config/vocab_size"
    ]


def test_a_writer_of_music_reads_the_text_of_its_encoder() -> None:
    music = {"model_type": "musicgen", "architectures": ["MusicgenForConditionalGeneration"]}
    parts = {"text_encoder": T5, "decoder": config("musicgen_decoder", vocab_size=64)}
    plan = planned({**music, **parts})
    assert (plan.kind, plan.size, plan.chats) == (Kind.UNIGRAM, 1_000, False)


def test_too_many_ids_are_a_warning_that_names_the_bound() -> None:
    (warning,) = tokenizer_warnings(config("llama", vocab_size=MAX_VOCABULARY + 1))
    assert (warning.pointer, warning.code) == ("/vocab_size", "vocab_size")
    assert warning.detail.endswith("at most 1,048,576 have one")
    assert planned(config("llama", vocab_size=MAX_VOCABULARY)).size == MAX_VOCABULARY
    assert tokenizer_warnings(config("esm", vocab_size=MAX_VOCABULARY + 1)) == []


def test_a_model_of_images_and_text_has_the_vocabulary_of_its_text() -> None:
    text = config("llama", vocab_size=600)
    assert planned({"model_type": "llava", "vocab_size": 500, "text_config": text}).size == 600
    pair = {"model_type": "blip-2", "is_encoder_decoder": True, "vocab_size": 500, "text_config": text}
    assert planned(pair).size == 500
    assert planned({"model_type": "t5gemma", "vocab_size": 500, "decoder": text}).size == 500
    assert planned({"model_type": "encoder-decoder", "decoder": text}).size == 600


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3", "gemma2", "xlnet", "mamba"])
@pytest.mark.parametrize("ids", [{}, {"bos_token_id": 7}, {"eos_token_id": 9}, {"pad_token_id": 3}])
def test_any_config_has_a_token_for_padding(kind: str, ids: dict[str, int]) -> None:
    plan = planned(config(kind, **ids))
    assert plan.roles["pad"] in plan.special.values()
    if "pad_token_id" in ids:
        assert plan.special[3] == plan.roles["pad"]


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3", "gemma2", "mamba"])
@pytest.mark.parametrize("ids", [{}, {"bos_token_id": 7}, {"eos_token_id": 9}])
def test_a_causal_model_writes_chats_and_pads_whatever_ids_it_has(
    kind: str, ids: dict[str, int], tmp_path: Path
) -> None:
    for path, text in tokenizer_texts(config(kind, architectures=["AForCausalLM"], **ids)).items():
        (tmp_path / path).write_bytes(text.make())
    found = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    end, begin = found.eos_token or "", found.bos_token or ""
    written = found.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert written == f"{begin}user: hi{end}\nassistant: ho{end}\nassistant: "
    assert len({len(row) for row in found(["a", "bcd"], padding=True)["input_ids"]}) == 1


def test_a_hostile_config_is_no_fault() -> None:
    values: list[Any] = [[], {}, None, 1.5, "x"]
    for value in values:
        for name in ("model_type", "architectures", "max_position_embeddings", "eos_token_id", "text_config"):
            tokenizer_texts({**T5, name: value})
