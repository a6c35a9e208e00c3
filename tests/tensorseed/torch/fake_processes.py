"""Processes that one takes the place of, whose collectives do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import Placement, Replicate, Shard
from torch.distributed.tensor.placement_types import _StridedShard
from torch.testing._internal.distributed.fake_pg import FakeStore


@contextmanager
def process(rank: int, mesh: tuple[int, ...]) -> Iterator[DeviceMesh]:
    """Be one of the processes of a mesh."""
    size = torch.tensor(mesh).prod().item()
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=size)
    try:
        names = tuple(
            f"{axis} of {rank}" for axis in range(len(mesh))
        )  # torch caches operations by mesh, not rank
        yield init_device_mesh("cpu", mesh, mesh_dim_names=names)
    finally:
        dist.destroy_process_group()


LAYOUTS: list[tuple[tuple[int, ...], tuple[int, ...], tuple[Placement, ...]]] = [
    ((3,), (10, 4), (Shard(0),)),
    ((3,), (10, 4), (Shard(1),)),
    ((4,), (5,), (Shard(0),)),  # the last shard is empty
    ((4,), (0, 3), (Shard(0),)),
    ((2,), (4, 3), (Replicate(),)),
    ((2,), (), (Replicate(),)),
    ((2, 3), (7, 8), (Shard(0), Shard(0))),
    ((2, 3), (7, 8), (Shard(0), Shard(1))),
    ((2, 3), (7, 8), (Shard(1), Replicate())),
    ((2, 2), (9, 3), (_StridedShard(0, split_factor=2), Shard(0))),
    ((2, 2), (1001, 3), (_StridedShard(0, split_factor=2), Shard(0))),
    ((4, 2), (9, 3), (_StridedShard(0, split_factor=2), Shard(0))),
    ((4, 2), (3, 9), (Shard(0), _StridedShard(1, split_factor=3))),  # several ranges in a shard
    ((2, 2), (9, 11), (_StridedShard(0, split_factor=2), _StridedShard(1, split_factor=3))),
    ((3,), (17, 2), (_StridedShard(0, split_factor=4),)),
    ((2, 2, 2), (13, 6), (Replicate(), _StridedShard(0, split_factor=2), Shard(0))),
    ((2, 2, 2), (13, 6), (Shard(0), Shard(1), Shard(0))),
    ((4, 4, 4), (1001, 6), (Shard(0), Shard(1), Shard(0))),
]
