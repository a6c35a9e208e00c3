"""Programs of several calls, run in a client's own Python."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def digest(path: str) -> str:
    """The SHA-256 of a file on disk."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: str) -> dict[str, str]:
    """The SHA-256 of every file below a folder."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and ".cache" not in path.parts)
    return {str(path.relative_to(folder)): digest(str(path)) for path in files}


def part(path: str, start: int, count: int) -> str:
    """Some bytes of a remote file as the file system reads them, in hexadecimal."""
    from huggingface_hub import HfFileSystem

    with HfFileSystem().open(path, block_size=4_096) as file:
        file.seek(start)
        read: bytes = file.read(count)
        return read.hex()


def loaded(repo: str, revision: str = "main", **given: Any) -> dict[str, Any]:
    """A causal language model from a repository: how it loaded, its state, and a token that it generates."""
    import torch
    from transformers import AutoModelForCausalLM

    model, info = AutoModelForCausalLM.from_pretrained(
        repo, revision=revision, output_loading_info=True, **given
    )
    prompt = torch.tensor([[3, 5, 7]])
    tokens = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=1, min_new_tokens=1, do_sample=False
    )
    state = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        state.update(name.encode())
        state.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return {
        "kind": type(model).__name__,
        "dtype": str(model.dtype),
        "unfit": sorted(str(key) for keys in info.values() for key in keys),
        "state": state.hexdigest(),
        "tokens": tokens.shape[1],
    }


def completed(repo: str, revision: str, text: str) -> str:
    """The text, and what the model of a repository writes after it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(repo, revision=revision)
    model = AutoModelForCausalLM.from_pretrained(repo, revision=revision)
    tokens = model.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=8, do_sample=False)
    return str(tokenizer.decode(tokens[0], skip_special_tokens=True))


def same_state(repo: str, revision: str, folder: str) -> list[str]:
    """The names of the tensors that differ between a loaded model and the safetensors files of a folder."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    state = AutoModelForCausalLM.from_pretrained(repo, revision=revision).state_dict()
    stored: dict[str, torch.Tensor] = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        stored |= load_file(path)
    differing = [name for name, tensor in stored.items() if not torch.equal(tensor, state[name])]
    return differing + sorted(set(stored) - set(state))


def unfit(folders: list[str]) -> dict[str, Any]:
    """What transformers says to the keys of the repositories in folders, or that it has no class for one."""
    import json

    import transformers

    transformers.logging.set_verbosity_error()
    found: dict[str, Any] = {}
    for folder in folders:
        config = json.loads((Path(folder) / "config.json").read_text())
        cls = getattr(transformers, config["architectures"][0], None)
        if cls is None:
            found[folder] = "no class"
            continue
        _, info = cls.from_pretrained(folder, output_loading_info=True)
        found[folder] = sorted(f"{kind} {key}" for kind, keys in info.items() for key in keys)
    return found


def painted(repo: str, revision: str = "main") -> dict[str, Any]:
    """An image that a pipeline of diffusers makes in one step: the pipeline's class, shape, digest, state."""
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(repo, revision=revision)
    pipeline.set_progress_bar_config(disable=True)
    options = {"height": 16, "width": 16, "output_type": "np", "generator": torch.Generator().manual_seed(0)}
    images = pipeline("a cat", num_inference_steps=1, **options).images
    state = hashlib.sha256()
    for name, part in sorted(pipeline.components.items()):
        for key, tensor in sorted(part.state_dict().items()) if isinstance(part, torch.nn.Module) else ():
            state.update(f"{name} {key}".encode())
            state.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return {
        "kind": type(pipeline).__name__,
        "shape": list(images.shape),
        "finite": bool((images == images).all()),
        "varied": float(images.std()) > 0,
        "state": state.hexdigest(),
    }


def read_texts(repos: list[str], texts: list[str]) -> dict[str, dict[str, Any]]:
    """What the tokenizers of repositories are, and what they make of texts."""
    from transformers import AutoTokenizer

    found = {}
    for repo in repos:
        tokenizer = AutoTokenizer.from_pretrained(repo)
        ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
        chat = [{"role": "user", "content": "Hi!"}]
        found[repo] = {
            "kind": type(tokenizer).__name__,
            "size": len(tokenizer),
            "ids": ids,
            "texts": [tokenizer.decode(row) for row in ids],
            "framed": tokenizer(texts[0])["input_ids"],
            "chat": tokenizer.chat_template and tokenizer.apply_chat_template(chat, tokenize=False),
        }
    return found


def read_slowly(repos: list[str], texts: list[str]) -> dict[str, list[list[int]]]:
    """The ids of texts by the tokenizers in Python, which read the files of a vocabulary alone."""
    from transformers import AutoTokenizer

    found = {}
    for repo in repos:
        tokenizer = AutoTokenizer.from_pretrained(repo, use_fast=False)
        if not tokenizer.is_fast:
            found[repo] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return found


def adapted(base: str, adapter: str, *revisions: str) -> list[dict[str, Any]]:
    """A model with an adapter of each revision: their tensors' digest, and what they change of the logits."""
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    prompt = torch.tensor([[3, 5, 7]])
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        plain = model(input_ids=prompt).logits
    adapted = PeftModel.from_pretrained(model, adapter, adapter_name="first", revision=revisions[0])
    found = []
    for name, revision in zip(("first", *revisions[1:]), revisions, strict=True):
        if name != "first":
            adapted.load_adapter(adapter, adapter_name=name, revision=revision)
        adapted.set_adapter(name)
        state = hashlib.sha256()
        for key, tensor in sorted(get_peft_model_state_dict(adapted, adapter_name=name).items()):
            state.update(key.encode() + tensor.contiguous().view(torch.uint8).numpy().tobytes())
        with torch.no_grad():
            change = float((adapted(input_ids=prompt).logits - plain).abs().max())
        found.append({"state": state.hexdigest(), "change": change})
    return found
