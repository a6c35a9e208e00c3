"""Elements that follow from their place: identities, centred kernels, sinusoids, orthogonal matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tensorseed.sampling.distributions import Dirac, Eye, KernelCentre, Orthogonal, Sinusoidal, Values
from tensorseed.sampling.orthogonal import orthogonal_elements
from tensorseed.sampling.philox import Stream
from tensorseed.sampling.sinusoids import sinusoids

Structured = Values | Eye | Dirac | Orthogonal | KernelCentre | Sinusoidal
Elements = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


def structured(what: Structured, stream: Stream, elements: Elements) -> Numbers:
    """The listed elements of the row-major tensor, in float64."""
    match what:
        case Values(data):
            values: Numbers = np.array(data, np.float64)[elements]
        case Eye(columns):
            values = (elements // columns == elements % columns).astype(np.float64)
        case Dirac(columns, group):
            values = (elements // columns % group == elements % columns).astype(np.float64)
        case Orthogonal(rows, columns, gain):
            values = orthogonal_elements(stream.key(), (rows, columns), elements) * gain
        case Sinusoidal():
            values = sinusoids(what, elements)
        case KernelCentre():
            values = _centred(what, stream, elements)
    return values


def _centred(what: KernelCentre, stream: Stream, elements: Elements) -> Numbers:
    """The matrix at the centre, zero elsewhere."""
    at_centre = np.ones(elements.size, bool)
    for axis, middle in zip(what.spatial, what.middle, strict=True):
        at_centre &= elements // axis.stride % axis.size == middle
    inside = elements[at_centre]
    output = inside // what.outputs.stride % what.outputs.size
    column = inside // what.inputs.stride % what.inputs.size
    values = np.zeros(elements.size)
    if inside.size:
        values[at_centre] = structured(what.base, stream, output * what.inputs.size + column)
    return values
