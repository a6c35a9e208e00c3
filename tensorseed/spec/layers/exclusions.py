"""Types of modules that no spec can name, with the reasons."""

from __future__ import annotations

_LAZY = "it has no shapes before its first input; name the type without Lazy, with all of its sizes"
_BUFFERS = "it is a loss whose weights per class are data that is given, not initialised"
_BASE = "it is a base class; name one of the classes derived from it"
CONTAINER = "it is a container, which owns what is put into it; write an entry for each of its parts"

EXCLUDED: dict[str, str] = {
    "BCELoss": _BUFFERS,
    "BCEWithLogitsLoss": _BUFFERS,
    "Concat": CONTAINER,
    "Container": CONTAINER,
    "CrossEntropyLoss": _BUFFERS,
    "FractionalMaxPool2d": "its random samples are data that is given, not initialised",
    "FractionalMaxPool3d": "its random samples are data that is given, not initialised",
    "LazyBatchNorm1d": _LAZY,
    "LazyBatchNorm2d": _LAZY,
    "LazyBatchNorm3d": _LAZY,
    "LazyConv1d": _LAZY,
    "LazyConv2d": _LAZY,
    "LazyConv3d": _LAZY,
    "LazyConvTranspose1d": _LAZY,
    "LazyConvTranspose2d": _LAZY,
    "LazyConvTranspose3d": _LAZY,
    "LazyInstanceNorm1d": _LAZY,
    "LazyInstanceNorm2d": _LAZY,
    "LazyInstanceNorm3d": _LAZY,
    "LazyLinear": _LAZY,
    "ModuleDict": CONTAINER,
    "ModuleList": CONTAINER,
    "MultiLabelSoftMarginLoss": _BUFFERS,
    "MultiMarginLoss": _BUFFERS,
    "NLLLoss": _BUFFERS,
    "NLLLoss2d": _BUFFERS,
    "ParameterDict": CONTAINER,
    "ParameterList": CONTAINER,
    "RNNBase": _BASE,
    "RNNCellBase": _BASE,
    "Residual": CONTAINER,
    "Sequential": CONTAINER,
}
"""The reasons by class name, as clauses that end a sentence for the client."""
