"""Settings of a fuzzed server: accepted requests must cost little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MODEST: dict[str, Any] = {
    "file_bytes": 1 << 20,
    "materialised_bytes": 1 << 20,
    "digest_bytes": 1 << 20,
    "tensors": 4_096,
    "name_chars": 1 << 18,
    "loss_values": 1 << 14,
    "loss_bytes": 1 << 16,
    "parameters": 1 << 16,
    "activations": 1 << 16,
    "steps": 10,
    "evaluation_seconds": 10.0,
    "body_bytes": 1 << 16,
    "cache_tensors": 4_096,
    "recipes": Path(__file__).parent / "library",  # one is called as the example of the contract
}


def environment() -> dict[str, str]:
    """The same as variables."""
    return {f"TENSORSEED_{name.upper()}": str(value) for name, value in MODEST.items()}
