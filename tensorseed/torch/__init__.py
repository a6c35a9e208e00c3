"""Initialisation of torch modules and tensors in place, whole or sharded."""

from tensorseed.torch.fill import fill_

__all__ = ["fill_"]
