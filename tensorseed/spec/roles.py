"""What a tensor does in its layer, as far as advice on its init depends on it."""

from __future__ import annotations

from typing import NamedTuple


class Role(NamedTuple):
    """What a tensor is for. It changes no value.

    `axis` is the dimension along which its units lie, such as the neurons of a layer, which stay equal where
    they start equal; None where it has none: the elements of a scale, the rows of a table and the filters of
    a depthwise convolution are told apart by their inputs. `before` is the layer's own function that its
    output goes into, named as in torch.nn.functional; None where that is not the layer's to say.
    """

    axis: int | None = 0
    before: str | None = None


UNITS = Role()
"""A weight of torch's layout, (out, in, *kernel)."""

NO_UNITS = Role(axis=None)
