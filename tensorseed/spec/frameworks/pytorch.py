"""Functions of torch.nn.init."""

from __future__ import annotations

from tensorseed.spec.frameworks.base import Framework, Initializer, constant
from tensorseed.spec.schemes import SCHEMES

_PARAMETERS = {
    "zeros": (),
    "ones": (),
    "uniform": ("a", "b"),
    "normal": ("mean", "std"),
    "trunc_normal": ("mean", "std", "a", "b"),
    "eye": (),
    "xavier_uniform": ("gain",),
    "xavier_normal": ("gain",),
    "kaiming_uniform": ("a", "mode", "nonlinearity"),
    "kaiming_normal": ("a", "mode", "nonlinearity"),
    "orthogonal": ("gain",),
    "sparse": ("sparsity", "std"),
    "dirac": ("groups",),
}


def _function(kind: str, names: tuple[str, ...]) -> Initializer:
    fields = SCHEMES[kind].model_fields
    return Initializer(
        (f"{kind}_", kind),
        kind,
        f"({', '.join(names)})" if names else "",
        lambda **given: {"kind": kind, **given},
        {name: (fields[name].annotation, fields[name]) for name in names},
    )


TORCH = Framework(
    title="PyTorch",
    prefixes=("torch.nn.init", "nn.init", "init", ""),
    source="torch.nn.init of PyTorch 2.13",
    initializers=(
        *(_function(kind, names) for kind, names in _PARAMETERS.items()),
        constant("constant_ constant", "val", ...),
    ),
)
