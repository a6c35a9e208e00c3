"""One initial model for any layout: FSDP2, tensor parallel, and both.

Usage: torchrun --standalone --nproc-per-node 4 examples/fsdp2.py

With fewer processes the layouts that need more are left out.
"""

import hashlib

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import tensorseed
import tensorseed.torch as ts

PLAN = {"up": ColwiseParallel(), "down": RowwiseParallel()}
LAYOUTS = {  # processes for FSDP2, and for tensor parallel
    "plain": (0, 0),
    "FSDP2 on 1": (1, 0),
    "FSDP2 on 2": (2, 0),
    "FSDP2 on 3": (3, 0),
    "TP on 2": (0, 2),
    "TP on 3": (0, 3),
    "FSDP2 x TP on 4": (2, 2),
}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(1001, 256)
        self.up = nn.Linear(256, 1001)  # 1001 rows: no number of processes here divides them
        self.down = nn.Linear(1001, 256)
        self.norm = nn.LayerNorm(256)


def laid_out(data: int, tensor: int) -> Model | None:
    """The model on the first processes, with memory and without values; None on the others."""
    ranks = torch.arange(max(data, 1) * max(tensor, 1)).view(max(data, 1), max(tensor, 1))
    if ranks.numel() > dist.get_world_size():
        return None
    mesh = DeviceMesh("cpu", ranks, mesh_dim_names=("data", "tensor"))
    if mesh.get_coordinate() is None:
        return None
    with torch.device("meta"):
        model = Model()
    if tensor:
        parallelize_module(model, mesh["tensor"], PLAN)
    if data:
        fully_shard(model, mesh=mesh["data"])
    return model.to_empty(device="cpu")


def digest(tensors) -> str:
    """SHA-256 over the bytes of whole tensors."""
    whole = (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor for tensor in tensors)
    return hashlib.sha256(b"".join(tensor.detach().numpy().tobytes() for tensor in whole)).hexdigest()


def initialised_by_torch(model: Model) -> Model:
    torch.manual_seed(42)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.02)
    return model


dist.init_process_group("gloo")
rows = []
for name, (data, tensor) in LAYOUTS.items():
    if (model := laid_out(data, tensor)) is not None:
        ts.init_(model, seed=42)
        rows.append((name, digest(model.parameters()), digest(initialised_by_torch(model).parameters())))
        spec = tensorseed.spec_of(model, seed=42)
        names = [name for name, _ in model.named_parameters()]

if dist.get_rank() == 0:
    weights = tensorseed.open(spec)
    rows.append(("the service's file", digest(weights[name].torch() for name in names), ""))
    print(f"{'layout':20}{'tensorseed.torch.init_':24}torch.nn.init.normal_")
    for name, ours, theirs in rows:
        print(f"{name:20}{ours[:16]:24}{theirs[:16]}".rstrip())
dist.barrier()
dist.destroy_process_group()
