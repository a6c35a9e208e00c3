"""How large a spec may be: values handed in from the settings, checked before anything is expanded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one service. Each is the largest number still accepted."""

    tensors: int = 262_144  # in one file, brace ranges expanded
    values: int = 65_536  # literal numbers in one spec, all `values` inits together
    file_bytes: int = 1 << 50  # of tensor data
    token_chars: int = 8_000  # of a token inside a URL
    dimensions: int = 64  # of one tensor: its rank
    materialised_bytes: int = 1 << 30  # of tensor data in a file that is computed as a whole: generator torch
    name_chars: int = 1 << 26  # of all tensor names of one file together, brace ranges expanded
