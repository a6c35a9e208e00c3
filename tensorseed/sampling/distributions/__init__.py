"""Distributions: what a tensor is filled with, as resolved numbers.

One class a distribution, with its checks, moments, bounds and elements. They need neither pydantic nor torch.
"""

from __future__ import annotations

from tensorseed.sampling.distributions.base import (
    Distribution,
    Draw,
    Elementwise,
    Magnitudes,
    Preparation,
    Sampler,
    Structured,
)
from tensorseed.sampling.distributions.bilinear_kernel import BilinearKernel
from tensorseed.sampling.distributions.curves import Decay, Power
from tensorseed.sampling.distributions.draws import Normal, Uniform
from tensorseed.sampling.distributions.identity import Axis, Dirac, Eye, KernelCentre, Tril
from tensorseed.sampling.distributions.literals import Constant, Values
from tensorseed.sampling.distributions.norms import WeightNorm
from tensorseed.sampling.distributions.orthogonal import Orthogonal
from tensorseed.sampling.distributions.parts import Parts, Run
from tensorseed.sampling.distributions.quantized import GroupIndex, Quantized
from tensorseed.sampling.distributions.sinusoidal import Sinusoidal
from tensorseed.sampling.distributions.sparse import Sparse
from tensorseed.sampling.distributions.stack import Stack
from tensorseed.sampling.distributions.transformed import (
    InverseSoftplusLogUniform,
    LogOfUniform,
    LogUniform,
    RealGatedLru,
)
from tensorseed.sampling.distributions.trunc_normal import TruncNormal
from tensorseed.sampling.distributions.zero_range import ZeroRange

__all__ = [
    "AnyDistribution",
    "Axis",
    "BilinearKernel",
    "Constant",
    "Decay",
    "Dirac",
    "Distribution",
    "Draw",
    "Elementwise",
    "Eye",
    "GroupIndex",
    "InverseSoftplusLogUniform",
    "KernelCentre",
    "LogOfUniform",
    "LogUniform",
    "Magnitudes",
    "Normal",
    "Orthogonal",
    "Parts",
    "Power",
    "Preparation",
    "Quantized",
    "RealGatedLru",
    "Run",
    "Sampler",
    "Sinusoidal",
    "Sparse",
    "Stack",
    "Structured",
    "Tril",
    "TruncNormal",
    "Uniform",
    "Values",
    "WeightNorm",
    "ZeroRange",
]

AnyDistribution = (
    Constant
    | Values
    | Uniform
    | Normal
    | TruncNormal
    | Eye
    | Dirac
    | Tril
    | KernelCentre
    | BilinearKernel
    | Orthogonal
    | Sparse
    | Stack
    | Sinusoidal
    | Decay
    | Power
    | Parts
    | ZeroRange
    | LogUniform
    | WeightNorm
    | LogOfUniform
    | InverseSoftplusLogUniform
    | RealGatedLru
    | Quantized
    | GroupIndex
)
"""Every distribution, so that a type checker can see what a `match` forgets."""
