"""Configs of a model of each kind of tokenizer, and texts to read."""

from __future__ import annotations

from typing import Any

TEXTS = (
    "hello world",
    " leading",
    "  two  spaces  ",
    "tab\tline\n\n x\r\n",
    "nul\0 control\x01\x7f",
    "émoji 🚀 😶‍🌫️ 日本語",
    "<extra_300> <0x41> </s2>",
    "\ufeffmark \u2028 \U0010ffff",
    "",
)
WORD = "a▁b"  # has the character that stands for a space in SentencePiece
DECOMPOSED = "e\u0301"


def config(model_type: str, **changes: Any) -> dict[str, Any]:
    """A config of `model_type` with 1,000 tokens."""
    return {"model_type": model_type, "vocab_size": 1_000, **changes}


GPT2 = config("gpt2", bos_token_id=0, eos_token_id=0, architectures=["GPT2LMHeadModel"])
LLAMA = config("llama", bos_token_id=1, eos_token_id=2, architectures=["LlamaForCausalLM"])
LLAMA_3 = config("llama", bos_token_id=900, eos_token_id=901, architectures=["LlamaForCausalLM"])
GEMMA = config("gemma2", pad_token_id=0, eos_token_id=1, bos_token_id=2)
QWEN = config("qwen3", bos_token_id=0, eos_token_id=1)
BERT = config("bert", pad_token_id=0)
ROBERTA = config("roberta", bos_token_id=0, pad_token_id=1, eos_token_id=2, max_position_embeddings=514)
T5 = config("t5", pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
CLIP = {"model_type": "clip", "text_config": config("clip_text_model", bos_token_id=0, eos_token_id=2)}
WHISPER = config("whisper", bos_token_id=0, eos_token_id=0, pad_token_id=0, decoder_start_token_id=1)

ALL = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "llama-3": LLAMA_3,
    "gemma": GEMMA,
    "qwen": QWEN,
    "bert": BERT,
    "roberta": ROBERTA,
    "t5": T5,
    "clip": CLIP,
    "whisper": WHISPER,
}
EXACT = ("gpt2", "llama", "llama-3", "gemma", "qwen", "roberta", "t5", "whisper")
