"""Programs of libraries around a model: pipelines, converters."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

LLAMA_CPP = Path(sys.prefix) / "llama.cpp"  # the converter and its reader, of the sources of llama-cpp-python


def chatted(repo: str, content: str) -> dict[str, Any]:
    """The last message of a chat that a pipeline goes on with, and the prompt's tokens decoded."""
    from transformers import pipeline

    chat = [{"role": "system", "content": "Be short."}, {"role": "user", "content": content}]
    generate = pipeline("text-generation", repo)
    (answer,) = generate(chat, max_new_tokens=6, do_sample=False)
    ids = generate.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    return {"message": answer["generated_text"][-1], "prompt": generate.tokenizer.decode(ids)}


def filled(repo: str) -> list[dict[str, Any]]:
    """What a pipeline puts in the place of a mask."""
    from transformers import pipeline

    fill = pipeline("fill-mask", repo)
    found: list[dict[str, Any]] = fill(f"some {fill.tokenizer.mask_token} text")
    return [{"token": part["token"], "text": part["token_str"], "score": part["score"]} for part in found]


def embedded(repo: str, texts: list[str]) -> list[list[float]]:
    """The embeddings of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    found: list[list[float]] = SentenceTransformer(repo).encode(texts).tolist()
    return found


def ids_of(folder: str, texts: list[str]) -> dict[str, list[list[int]]]:
    """The ids of texts by SentencePiece and by transformers, and what SentencePiece makes of its own."""
    from sentencepiece import SentencePieceProcessor
    from transformers import AutoTokenizer

    (path,) = (path for path in Path(folder).iterdir() if path.suffix == ".model")
    model, tokenizer = SentencePieceProcessor(model_file=str(path)), AutoTokenizer.from_pretrained(folder)
    pieces = model.encode(texts)
    return {
        "sentencepiece": pieces,
        "transformers": tokenizer(texts, add_special_tokens=False)["input_ids"],
        "texts": model.decode(pieces),
        "roles": [[model.unk_id(), model.bos_id(), model.eos_id(), model.vocab_size()]],
    }


def translated(folder: str, out: str, text: str) -> dict[str, Any]:
    """What CTranslate2's converter makes of a model, and the tokens that it writes after a text."""
    import ctranslate2
    from transformers import AutoTokenizer

    ctranslate2.converters.TransformersConverter(folder).convert(out)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    (found,) = ctranslate2.Generator(out).generate_batch(
        [prompt], max_length=8, include_prompt_in_result=False
    )
    return {"ids": found.sequences_ids[0], "tokens": found.sequences[0]}


def gguf_of(folder: str, out: str, pre: str | None = None) -> dict[str, Any]:
    """What llama.cpp's converter makes of a model, read back.

    `pre` is the answer to its question which published vocabulary the model has.
    """
    for path in (LLAMA_CPP, LLAMA_CPP / "gguf-py"):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    from conversion.base import TextModel
    from gguf import GGUFReader

    kept, arguments = TextModel.get_vocab_base_pre, sys.argv
    try:
        if pre is not None:
            TextModel.get_vocab_base_pre = lambda *_: pre
        sys.argv = ["convert", folder, "--outfile", out]
        runpy.run_path(str(LLAMA_CPP / "convert_hf_to_gguf.py"), run_name="__main__")
    finally:
        TextModel.get_vocab_base_pre, sys.argv = kept, arguments
    reader = GGUFReader(out)
    fields = {
        name: field.contents() for name, field in reader.fields.items() if name.startswith("tokenizer.")
    }
    return {
        "architecture": reader.fields["general.architecture"].contents(),
        "tensors": {str(tensor.name): [int(n) for n in reversed(tensor.shape)] for tensor in reader.tensors},
        "tokens": fields.pop("tokenizer.ggml.tokens"),
        "types": fields.pop("tokenizer.ggml.token_type"),
        "fields": {name: value for name, value in fields.items() if isinstance(value, str | int | bool)},
    }
