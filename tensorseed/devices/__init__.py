"""Devices of this host, behind one interface: `Device`.

The CPU computes in a pool of threads.
Every other device is an `Accelerator`: torch operations compute its chunks, with the same bits.
"""

from tensorseed.devices.base import WORKLOADS, Accelerator, Device, Memory
from tensorseed.devices.cpu import Cpu
from tensorseed.devices.registry import Devices, available_devices

__all__ = ["WORKLOADS", "Accelerator", "Cpu", "Device", "Devices", "Memory", "available_devices"]
