"""The init of transposed convolutions that enlarge images."""

from __future__ import annotations

from typing import Literal

from tensorseed.sampling.distributions import AnyDistribution, Axis, BilinearKernel, Constant
from tensorseed.spec.schemes.base import Scheme, Shape
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.layouts import Layout, Side, merged


class BilinearInterpolation(Scheme):
    """A transposed convolution that enlarges images by bilinear interpolation, each channel by itself.

    Formula: w[i, o, y, x] = tent(y) · tent(x) if i mod n = o mod n else 0, n = min(in, out),
        tent(t) = 1 − |t − (size − 1) / 2| / ⌈size / 2⌉
    Source: Long, Shelhamer, Darrell: Fully convolutional networks for semantic segmentation, CVPR 2015
    """

    is_random = False

    kind: Literal["bilinear"]

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """BilinearKernel of the four axes.

        Raises:
            ValueError: the tensor has not four dimensions, or channels that do not go into each other.
        """
        layout = None if fans is None else Layout.of(shape, fans.axes)
        if layout is None or len(layout.spatial) != 2:
            raise ValueError(
                "bilinear fills kernels of images, (in, out / groups, height, width): give four dimensions"
            )
        if 0 in shape:
            return Constant(0.0)
        inputs, outputs = (_channels(side) for side in (layout.inputs, layout.outputs))
        rows, columns = layout.spatial
        fewer, more = sorted((inputs.size, outputs.size))
        if more % fewer:
            raise ValueError(
                "bilinear enlarges each channel by itself, so that one number of channels must divide the "
                f"other: {fewer:,} and {more:,} do not"
            )
        return BilinearKernel(inputs, outputs, rows, columns)


def _channels(side: Side) -> Axis:
    """The axes of the channels as one.

    Raises:
        ValueError: others lie between them.
    """
    axes = merged(side) or (Axis(1, 1),)
    if len(axes) > 1:
        raise ValueError("bilinear needs channels that lie side by side: give in and out one axis each")
    return axes[0]
