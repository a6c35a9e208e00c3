"""Identity of what generator torch draws: build, device and kernels.

torch's bits depend on its build, on the instructions of its kernels, on the C library that they call, and for
`orthogonal` on LAPACK. Nothing reports all of that. A host therefore draws known tensors once, and their
digest tells it from hosts that draw other bits:

    kernels = architecture "-" CPU capability "-" digest            for a file without orthogonal
    kernels = architecture "-" CPU capability "-" digest "-" digest of factorized matrices
    kernels = GPU "-sm" compute capability "-" multiprocessors …    on a GPU

The digests also cover what may decide bits that no known tensor shows: the configuration of the build, the C
library, and for LAPACK the model of the processor. Files and known tensors are computed on one thread.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tensorseed.errors import DeviceError, VersionError

if TYPE_CHECKING:
    import torch

ABSENT = "absent"
"""The kernels of a device that this host lacks."""

_DTYPES = ("float64", "float32", "float16", "bfloat16")
_LENGTHS = (5, 37, 16_387)  # scalar loops, vector loops, and what remains of them
_MATRICES = ((12, 7), (64, 64), (100, 200), (1_030, 520))  # both orientations, within and beyond a block
_SEED = 7
_DIGEST_CHARS = 12
_PROCESSOR_FIELDS = ("vendor_id", "cpu family", "model", "cache size", "CPU implementer", "CPU part")

_lock = threading.Lock()
_known: dict[str, Kernels] = {}


@dataclass(frozen=True, slots=True)
class TorchIdentity:
    """What decides the bits of a file: hosts of equal identities draw equal files.

    `version` is torch's with its local part, such as 2.13.0+cpu, and `device` is cpu or cuda.
    """

    version: str
    device: str
    kernels: str


class Kernels(NamedTuple):
    """The kernels of a device: those of all files, and the same with the factorizations of LAPACK."""

    drawing: str
    factorizing: str


def installed_version() -> str:
    """This host's version of torch with its local part, read without importing torch.

    Raises:
        VersionError: torch is not installed.
    """
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        raise VersionError(
            "generator torch needs torch, which this host lacks: "
            "pip install 'tensorseed[torch]', or leave generator out"
        ) from None


def torch_identity(
    device: str, *, factorizes: bool, version: str | None = None, kernels: str | None = None
) -> TorchIdentity:
    """The identity of a file that this host draws on `device`, such as cuda:0.

    `version` and `kernels` are those that the spec asks for, in full or in part.
    `factorizes` says whether the file holds a matrix that LAPACK factorizes.
    The first call for a device imports torch, and draws for a quarter of a second.

    Raises:
        VersionError: the spec wants another version of torch, or other kernels, or torch is not installed.
        DeviceError: the device failed.
    """
    present = installed_version()
    if version not in (None, present, present.partition("+")[0]):
        raise VersionError(
            f"the spec is of torch {version} and this host has torch {present}, which may draw other "
            f"bits: leave torch_version out, or ask a host with torch {version}"
        )
    drawing, factorizing = kernels_of(device)
    own = factorizing if factorizes else drawing
    if kernels not in (None, drawing, factorizing):
        detail = f"the spec is of the kernels {kernels} of torch and this host has {own}"
        raise VersionError(
            f"{detail}, which draw other bits: leave torch_kernels out, or ask a host with {kernels}"
        )
    return TorchIdentity(present, device.partition(":")[0], own)


def kernels_of(device: str) -> Kernels:
    """The kernels of a device, cpu, cuda or cuda:N, measured once.

    Raises:
        DeviceError: the device failed.
    """
    with _lock:
        if device not in _known:
            about = _description(device)
            if about is None:
                return Kernels(ABSENT, ABSENT)
            try:
                _known[device] = run_in_torch_thread(lambda: _measured(about, device))
            except RuntimeError as error:
                raise DeviceError(f"{device} could not draw: name another device ({error})") from None
        return _known[device]


def kernels_known(device: str) -> bool:
    """Whether `kernels_of` a device returns at once."""
    return device in _known


def _description(device: str) -> str | None:
    """What torch reports of a device that decides bits; None for one that this host lacks."""
    import torch

    if device == "cpu":
        return f"{platform.machine()}-{torch.backends.cpu.get_cpu_capability().lower()}"
    index = int(device.partition(":")[2] or 0)
    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        return None
    gpu = torch.cuda.get_device_properties(index)
    name = re.sub("[^A-Za-z0-9]+", "_", gpu.name)
    return f"{name}-sm{gpu.major}{gpu.minor}-{gpu.multi_processor_count}"


def _measured(about: str, device: str) -> Kernels:
    build = f"{installed_version()} {_configuration()} {_c_library()}"
    drawing = f"{about}-{_digest(build, _drawn(device))}"
    return Kernels(drawing, f"{drawing}-{_digest(_processor(), _factorized(device))}")


def _digest(facts: str, draws: Iterator[bytes]) -> str:
    hashing = hashlib.sha256(facts.encode())
    for draw in draws:
        hashing.update(draw)
    return hashing.hexdigest()[:_DIGEST_CHARS]


def _drawn(device: str) -> Iterator[bytes]:
    """Yield known tensors of every kernel that draws or transforms: these never change."""
    import torch
    from torch.nn import init

    generator = torch.Generator(device)
    for dtype in _DTYPES:
        for length in _LENGTHS:
            tensor = torch.empty(length, dtype=getattr(torch, dtype), device=device)
            generator.manual_seed(_SEED)
            yield _bytes(init.uniform_(tensor, generator=generator))
            yield _bytes(init.uniform_(tensor, -0.3, 0.7, generator))
            yield _bytes(init.normal_(tensor, 0.1, 0.3, generator))
            yield _bytes(init.trunc_normal_(tensor, generator=generator))
            yield _bytes(init.trunc_normal_(tensor, a=1.5, b=3.0, generator=generator))  # by logarithms
    generator = torch.Generator()
    generator.manual_seed(_SEED)
    yield _bytes(torch.randperm(_LENGTHS[-1], generator=generator))  # of sparse, which permutes on the CPU


def _factorized(device: str) -> Iterator[bytes]:
    """Yield known orthogonal matrices: these never change."""
    import torch

    generator = torch.Generator(device)
    for dtype in (torch.float64, torch.float32):
        for shape in _MATRICES:
            generator.manual_seed(_SEED)
            tensor = torch.empty(shape, dtype=dtype, device=device)
            yield _bytes(torch.nn.init.orthogonal_(tensor, generator=generator))


def _bytes(tensor: torch.Tensor) -> bytes:
    import torch

    return tensor.reshape(-1).view(torch.uint8).cpu().numpy().tobytes()


def _configuration() -> str:
    """The compilers, libraries and options of this build of torch."""
    import torch

    lines = torch.__config__.show().splitlines()
    return "\n".join(line for line in lines if "CPU capability" not in line)


def _c_library() -> str:
    """The C library, whose logarithms and cosines torch's scalar loops call."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError):
        return f"{platform.system()} {platform.release()}"


def _processor() -> str:
    """The model of the processor, by which a LAPACK may choose its blocks."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    fields = (line.partition(":") for line in lines)
    return " ".join(value.strip() for name, _, value in fields if name.strip() in _PROCESSOR_FIELDS)
