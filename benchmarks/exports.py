"""Exports: against generation alone, by two workers, and against torch.

Torch builds the model of a config, whose weights it draws, and transformers' `save_pretrained` writes them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.compare import compare
from benchmarks.effort import Effort
from benchmarks.generation import CACHE
from benchmarks.rows import Row, Scale, Target
from tensorseed.client.local_compute import computation_of
from tensorseed.client.source import Source
from tensorseed.devices.local import LocalSettings
from tensorseed.export.checkpoint import Checkpoint, open_checkpoint, origin_of
from tensorseed.export.destination import Destination
from tensorseed.export.run import Export, local_work
from tensorseed.export.shares import WHOLE, Share
from tensorseed.sampling.executors.kernel_cache import compile_kernels

SHARDS = 4
GENERATION = Target(0.5)
WORKERS = Target(1.5)
CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "n_layer": 12,
    "n_embd": 768,
    "n_head": 12,
    "vocab_size": 50_257,
    "n_positions": 1_024,
}


def exports(effort: Effort) -> Iterator[Row]:
    """Shards of 128 MiB of bfloat16 in a full run, on one thread of a process."""
    compile_kernels(CACHE)
    text = _recipe(2 * effort.elements)
    checkpoint, settings = _opened(text), LocalSettings(1, CACHE)
    nbytes = sum(file.size for file in checkpoint.files)
    rate = Scale("GB/s", nbytes / 1e9)
    with tempfile.TemporaryDirectory(prefix="tensorseed-export-", dir=_memory()) as folder:
        place = Path(folder) / "export"
        yield compare(
            f"export of {nbytes / 1e6:,.0f} MB to a folder in memory, one core",
            lambda: _export(text, place, WHOLE),
            "the same bytes generated and dropped",
            lambda: _generated(checkpoint, settings),
            effort.rounds,
            rate,
            GENERATION,
        )
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            yield compare(
                "the same, two processes with `--shard 0/2` and `1/2`",
                lambda: list(pool.map(_export, [text] * 2, [place] * 2, [Share(0, 2), Share(1, 2)])),
                "one process",
                lambda: list(pool.map(_export, [text], [place], [WHOLE])),
                effort.rounds,
                rate,
                WORKERS,
            )
        yield compare(
            "export of GPT-2 small, float32, one core",
            lambda: _export(json.dumps(CONFIG), place, WHOLE),
            "a model by transformers, and `save_pretrained`",
            lambda: _saved(place),
            effort.rounds,
        )


def _memory() -> str | None:
    """A folder of no disk, whose speed would decide; None where there is none."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _recipe(elements: int) -> str:
    """The text of a recipe of some shards with so many elements in each."""
    entry = {"type": "Tensor", "shape": [elements // SHARDS], "init": "normal"}
    weights = {"dtype": "bfloat16", "layers": [{"name": f"w{one}", **entry} for one in range(SHARDS)]}
    document = {"id": "bench/export", "config": {}, "weights": weights, "shard_bytes": 2 * elements // SHARDS}
    return json.dumps(document)


def _opened(text: str) -> Checkpoint:
    return open_checkpoint(origin_of(Source(spec=text.encode()), "weights.safetensors", None, None))


def _generated(checkpoint: Checkpoint, settings: LocalSettings) -> None:
    for file in checkpoint.files:
        if file.text is None:
            for _ in computation_of(file.weights, settings).chunks():  # type: ignore[attr-defined]
                pass


def _export(text: str, place: Path, share: Share) -> None:
    """Write a share into a folder of its own."""
    folder = place / str(share).replace("/", "-of-")
    shutil.rmtree(folder, ignore_errors=True)
    destination = Destination(str(folder))
    run = Export(_opened(text), destination, share)
    run.prepare()
    for _ in run.run(local_work(destination, LocalSettings(1, CACHE), lambda _: None)):
        pass


def _saved(place: Path) -> None:
    """Build the model of the config on one thread, and save it."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.set_num_threads(1)
    config = AutoConfig.for_model(**CONFIG)
    AutoModelForCausalLM.from_config(config).save_pretrained(place / "torch")
    shutil.rmtree(place / "torch")
