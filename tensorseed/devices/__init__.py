"""The devices of this host: all that differs between them sits behind `Device`.

The CPU computes in the worker's pool. Every other device is an `Accelerator`: its chunks are begun and ended
by one thread of its own, and computed by torch operations that give the same bits.
"""

from tensorseed.devices.base import WORKS, Accelerator, Device, Memory
from tensorseed.devices.cpu import Cpu
from tensorseed.devices.registry import Devices, available_devices

__all__ = ["WORKS", "Accelerator", "Cpu", "Device", "Devices", "Memory", "available_devices"]
