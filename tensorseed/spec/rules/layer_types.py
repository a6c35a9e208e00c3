"""Classes of torch.nn that own tensors, and those that they extend."""

from __future__ import annotations

ATTENTION_PROJECTION = "NonDynamicallyQuantizableLinear"
"""The class of the projection inside a MultiheadAttention."""

_CONV = ("_ConvNd",)
_CONV_TRANSPOSE = ("_ConvTransposeNd", "_ConvNd")
_RNN = ("RNNBase",)
_RNN_CELL = ("RNNCellBase",)
_BATCH_NORM = ("_BatchNorm", "_NormBase")
_INSTANCE_NORM = ("_InstanceNorm", "_NormBase")

_EXTENDED = {
    ATTENTION_PROJECTION: ("Linear",),
    "Conv1d": _CONV,
    "Conv2d": _CONV,
    "Conv3d": _CONV,
    "ConvTranspose1d": _CONV_TRANSPOSE,
    "ConvTranspose2d": _CONV_TRANSPOSE,
    "ConvTranspose3d": _CONV_TRANSPOSE,
    "RNN": _RNN,
    "LSTM": _RNN,
    "GRU": _RNN,
    "RNNCell": _RNN_CELL,
    "LSTMCell": _RNN_CELL,
    "GRUCell": _RNN_CELL,
    "BatchNorm1d": _BATCH_NORM,
    "BatchNorm2d": _BATCH_NORM,
    "BatchNorm3d": _BATCH_NORM,
    "SyncBatchNorm": _BATCH_NORM,
    "InstanceNorm1d": _INSTANCE_NORM,
    "InstanceNorm2d": _INSTANCE_NORM,
    "InstanceNorm3d": _INSTANCE_NORM,
}
"""By class of torch.nn: the classes between it and Module, nearest first."""


def layer_types(owner: str) -> tuple[str, ...]:
    """The name of a class and of those that it extends, as rules match them by type.

    >>> layer_types("LSTM"), layer_types("Linear")
    (('LSTM', 'RNNBase'), ('Linear',))
    """
    return (owner, *_EXTENDED.get(owner, ()))


TORCH_CLASSES = (ATTENTION_PROJECTION, *_CONV_TRANSPOSE, *_RNN, *_RNN_CELL, *_BATCH_NORM, "_InstanceNorm")
"""The names of classes that are no types of a spec."""
