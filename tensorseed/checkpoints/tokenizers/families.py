"""Tokenizer families: the kind of tokenizer and its class by model type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

GENERIC = "PreTrainedTokenizerFast"  # runs tokenizer.json as it is


class Kind(StrEnum):
    """The algorithm, by the names of the tokenizers library."""

    BYTE_LEVEL = "byte-level BPE"
    BYTE_FALLBACK = "BPE with byte fallback"
    WORD_PIECE = "WordPiece"
    UNIGRAM = "Unigram with byte fallback"
    CTC = "characters of CTC"


PLAIN = {
    "eos": "</s>",
    "bos": "<s>",
    "pad": "<pad>",
    "unk": "<unk>",
    "mask": "<mask>",
    "cls": "<cls>",
    "sep": "<sep>",
    "decoder_start": "<start>",
}
_GPT = {**PLAIN, "eos": "<|endoftext|>", "bos": "<|startoftext|>"}
_QWEN = {**PLAIN, "eos": "<|im_end|>", "bos": "<|endoftext|>", "pad": "<|pad|>"}
_LLAMA_3 = {**PLAIN, "eos": "<|end_of_text|>", "bos": "<|begin_of_text|>"}
_GEMMA = {**PLAIN, "eos": "<eos>", "bos": "<bos>"}
_BERT = {**PLAIN, "pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


@dataclass(frozen=True, eq=False)
class Family:
    """How a family of models reads text.

    Attributes:
        kind: The algorithm.
        class_name: The class in transformers.
        names: The special tokens by role.
        needs: Roles that the class needs, with the ids that published vocabularies have; −1 is the last id,
            and None any free one.
        begins: Whether a text begins with the token `bos`.
        sentencepiece: The file of the same vocabulary for SentencePiece; None where converters read none.
    """

    kind: Kind
    class_name: str = GENERIC
    names: Mapping[str, str] = field(default_factory=lambda: PLAIN)
    needs: Mapping[str, int | None] = field(default_factory=dict)
    begins: bool = False
    sentencepiece: str | None = None


GPT2 = Family(Kind.BYTE_LEVEL, "GPT2Tokenizer", _GPT)
QWEN = Family(Kind.BYTE_LEVEL, "Qwen2Tokenizer", _QWEN, sentencepiece="tokenizer.model")
BYTE_LEVEL = Family(Kind.BYTE_LEVEL)
DEEPSEEK = Family(Kind.BYTE_LEVEL, begins=True)
LLAMA_3 = Family(Kind.BYTE_LEVEL, names=_LLAMA_3, begins=True, sentencepiece="tokenizer.model")
LLAMA = Family(Kind.BYTE_FALLBACK, needs={"unk": None}, begins=True, sentencepiece="tokenizer.model")
GEMMA = Family(
    Kind.BYTE_FALLBACK,
    "GemmaTokenizer",
    _GEMMA,
    {"pad": 0, "eos": 1, "bos": 2, "unk": 3, "mask": 4},
    begins=True,
    sentencepiece="tokenizer.model",
)
ROBERTA = Family(
    Kind.BYTE_LEVEL,
    "RobertaTokenizer",
    needs={"bos": 0, "pad": 1, "eos": 2, "unk": 3, "mask": -1},
)
BERT = Family(
    Kind.WORD_PIECE,
    "BertTokenizer",
    _BERT,
    {"pad": 0, "unk": 100, "cls": 101, "sep": 102, "mask": 103},
)
T5 = Family(
    Kind.UNIGRAM,
    needs={"pad": 0, "eos": 1, "unk": 2},
    sentencepiece="spiece.model",
)
CLIP = Family(Kind.BYTE_LEVEL, "CLIPTokenizer", _GPT)
WHISPER = Family(
    Kind.BYTE_LEVEL,
    "WhisperTokenizer",
    {**_GPT, "decoder_start": "<|startoftranscript|>"},
    {"eos": None, "decoder_start": None},
)
SPEECH = Family(Kind.CTC, "Wav2Vec2CTCTokenizer", needs={"pad": 0, "bos": 1, "eos": 2, "unk": 3})
PARAKEET = Family(Kind.BYTE_LEVEL, "ParakeetTokenizer", needs={"pad": 0})

_BY_TYPE = {
    BERT: (
        "bert blip_text_model bros chinese_clip convbert distilbert electra ernie flava git layoutlm lxmert "
        "megatron-bert mobilebert nezha nomic_bert realm retribert squeezebert vilt visual_bert"
    ),
    CLIP: "aimv2 clip clip_text_model clipseg groupvit owlv2 owlvit xclip",
    GEMMA: "siglip2 siglip2_text_model",
    GPT2: "codegen gpt2 gpt_bigcode gpt_neo gptj opt phi starcoder2",
    LLAMA: "code_llama llama mistral mixtral ministral phi3 phimoe",
    ROBERTA: (
        "bart bridgetower camembert clap data2vec-text ibert led lilt longformer mega mra mvp roberta "
        "roberta-prelayernorm"
    ),
    PARAKEET: (
        "granite_speech5_ctc lasr_ctc nemotron3_5_asr nemotron_asr_streaming parakeet_ctc parakeet_rnnt "
        "parakeet_tdt"
    ),
    SPEECH: (
        "data2vec-audio hubert sew sew-d unispeech unispeech-sat wav2vec2 wav2vec2-bert wav2vec2-conformer "
        "wavlm"
    ),
    T5: "longt5 mt5 pix2struct pop2piano switch_transformers t5 udop umt5",
    WHISPER: "whisper",
}
_TYPES = {name: family for family, names in _BY_TYPE.items() for name in names.split()}
_PREFIXES = {"qwen": QWEN, "deepseek": DEEPSEEK}

_TEXTLESS = (
    # no ids at all, or ids of sounds, images, proteins and the like
    "bark beit clvp_decoder csm_depth_decoder_model decision_transformer deepseek_ocr2_encoder dia_decoder "
    "encodec esm esmc fastspeech2_conformer granite_speech5_encoder imagegpt mimi moshi_depth "
    "musicgen_decoder musicgen_melody_decoder nemotron3_5_transcribe_word_timestamp univnet voxtral_encoder "
    # a tokenizer of its own, mostly without files
    "byt5 canine dia dia_encoder fsmt speecht5 vits"
)
TEXTLESS = frozenset(_TEXTLESS.split())
"""Model types whose ids are no tokens of text, or whose tokenizer reads no files."""

_NO_TEXT = re.compile(r"_(vision|vision_model|image_model|image_codebook|audio|qformer|talker(_\w+)?)$")


def reads_text(model_type: str) -> bool:
    """Whether the ids of a model, or of a part of one, are tokens of text.

    The configs of towers and of writers of sound have a `vocab_size` as well; the end of their type tells.
    """
    return model_type not in TEXTLESS and _NO_TEXT.search(model_type) is None


def family_of(model_type: str, first_special: int) -> Family:
    """The family of a model type. `first_special` is the id of `bos`, or the lowest of a special token.

    SentencePiece vocabularies begin with the special tokens. Where those come last, as in Llama 3 and Phi-4,
    the vocabulary is a byte-level one.
    """
    if model_type in _TYPES:
        family = _TYPES[model_type]
        if family is LLAMA and first_special >= 256:
            return GPT2 if model_type == "phi3" else LLAMA_3
        return family
    if "gemma" in model_type:
        return GEMMA
    prefixed = (family for prefix, family in _PREFIXES.items() if model_type.startswith(prefix))
    return next(prefixed, BYTE_LEVEL)
