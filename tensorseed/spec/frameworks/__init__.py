"""Initializers of other frameworks, by name, and the inits they mean.

A name is that of the framework and its own, such as `keras.HeNormal`; those that only one framework has
stand alone. The parameters and their defaults are the framework's. To add a framework, write its table (see
`base.Framework`) and add it to `FRAMEWORKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, create_model

from tensorseed.spec.frameworks.base import Framework, Init, Initializer
from tensorseed.spec.frameworks.caffe import CAFFE, CAFFE2
from tensorseed.spec.frameworks.chainer import CHAINER
from tensorseed.spec.frameworks.haiku import HAIKU, SONNET
from tensorseed.spec.frameworks.jax import JAX
from tensorseed.spec.frameworks.keras import KERAS
from tensorseed.spec.frameworks.lasagne import LASAGNE
from tensorseed.spec.frameworks.mindspore import MINDSPORE
from tensorseed.spec.frameworks.mxnet import MXNET
from tensorseed.spec.frameworks.paddle import PADDLE
from tensorseed.spec.frameworks.pytorch import TORCH
from tensorseed.spec.frameworks.tensorflow import TENSORFLOW
from tensorseed.suggestions import unknown_name

__all__ = ["FRAMEWORKS", "Found", "Framework", "Init", "Initializer", "every_initializer", "find"]

FRAMEWORKS: tuple[Framework, ...] = (
    KERAS,
    TENSORFLOW,
    JAX,
    HAIKU,
    SONNET,
    CAFFE,
    CAFFE2,
    MXNET,
    PADDLE,
    MINDSPORE,
    CHAINER,
    LASAGNE,
    TORCH,
)

_OWNERS = {
    prefix: [other for other in FRAMEWORKS if prefix in other.prefixes]
    for framework in FRAMEWORKS
    for prefix in framework.prefixes
}

_CONFIG = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


class Found(NamedTuple):
    """An initializer with its framework."""

    framework: Framework
    initializer: Initializer

    @property
    def full_name(self) -> str:
        """The documented name, with the framework's prefix."""
        return f"{self.framework.prefixes[0]}.{self.initializer.names[0]}"

    @property
    def kind(self) -> str:
        """The scheme that it means, the first of several."""
        return self.initializer.kind

    def parameters(self) -> list[str]:
        """The names of its parameters, those of axes among them."""
        return [*self.initializer.parameters, *(self.framework.axes if self.initializer.has_axes else ())]

    def model(self) -> type[BaseModel]:
        """The model of its parameters, without those of axes."""
        return _model(self.framework.title, self.initializer.names[0])


def find(kind: str) -> Found | None:
    """The initializer that `kind` names; None where that is no name of a framework's.

    Raises:
        ValueError: the framework has no such initializer, or one that nothing here draws.
    """
    prefix, _, name = kind.rpartition(".")
    owners = _OWNERS.get(prefix, ())
    for framework in owners:
        excluded = framework.excluded.get(kind) or framework.excluded.get(name)
        if excluded is not None and prefix:
            raise ValueError(f"there is no {kind} here: {excluded}")
        initializer = framework.find(name)
        if initializer is not None:
            return Found(framework, initializer)
    if not prefix or not owners:
        return None
    valid = [one.names[0] for framework in owners for one in framework.initializers]
    raise ValueError(unknown_name(f"initializer of {owners[0].title}", name, valid))


def every_initializer() -> Iterator[Found]:
    """Each initializer of each framework."""
    for framework in FRAMEWORKS:
        for initializer in framework.initializers:
            yield Found(framework, initializer)


@cache
def _model(title: str, name: str) -> type[BaseModel]:
    framework = next(one for one in FRAMEWORKS if one.title == title)
    initializer = framework.find(name)
    assert initializer is not None
    fields: Any = dict(initializer.parameters)
    return create_model(name, __config__=_CONFIG, **fields)
