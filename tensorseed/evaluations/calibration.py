"""Layer-sequential unit-variance calibration (LSUV) of a network's inits.

The factors are measured in float64 and rounded to a few digits. Kernels of other machines differ in the last
digits of a float64, so they give the same factors, and the same spec, with near certainty.

Source: Mishkin and Matas: All you need is a good init, ICLR 2016
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.nn.modules.dropout import _DropoutNd

from tensorseed.errors import SpecError
from tensorseed.evaluations.diagnostics import moments
from tensorseed.evaluations.evaluation import Evaluation, Variant
from tensorseed.evaluations.graph import Node
from tensorseed.evaluations.network import Deadline, Network
from tensorseed.evaluations.report import CalibratedLayer, Calibration
from tensorseed.evaluations.request import CalibrationGiven
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.distributions import ZeroRange
from tensorseed.spec.canonical import init_value
from tensorseed.spec.faults import Located
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import Layer
from tensorseed.spec.layers.network_module import Computation
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import expand
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.spec.schemes import Scheme, scheme_of
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import encode_token
from tensorseed.spec.torch_support import check_init

DIGITS = 4  # of a factor
WEIGHT = "weight"
WEIGHTS_PATH = "/v1/weights"


def prepare_variants(
    variants: Sequence[Variant],
    nodes: Sequence[Node],
    given: CalibrationGiven,
    limits: Limits,
    faults: list[Located],
) -> list[Variant]:
    """The variants with the init of the calibration for the weights without an own; or a fault is added."""
    found = []
    for variant in variants:
        try:
            resolved = prepare(variant.resolved, nodes, scheme_of(given.init), limits)
        except SpecError as error:
            detail = f"{error.faults[0].detail}, of a layer without an init: give it one, or another here"
            faults.append((("calibrate", "init"), detail))
            break
        found.append(replace(variant, resolved=resolved))
    return found


def prepare(resolved: ResolvedSpec, nodes: Sequence[Node], init: Scheme, limits: Limits) -> ResolvedSpec:
    """The spec with `init` for the weights that have their layer's default.

    Raises:
        SpecError: the init does not fit one of them.
    """
    tensors = _by_name(resolved)
    plain = {}
    for node in nodes:
        tensor = tensors[f"{node.name}.{WEIGHT}"] if _has_one_weight(node) else None
        if tensor is None or not tensor.default:
            continue
        if node.layer.computation is not Computation.LOOKUP:
            plain[tensor.name] = init
        elif resolved.torch is not None and not isinstance(tensor.distribution, ZeroRange):
            plain[tensor.name] = tensor.scheme  # torch draws an own init anew, as for the answered spec
    return with_inits(resolved, plain, limits)


def with_inits(resolved: ResolvedSpec, inits: Mapping[str, Scheme], limits: Limits) -> ResolvedSpec:
    """The spec with other inits for the tensors of these names, which are weights of layers.

    Raises:
        SpecError: an init does not fit its tensor.
    """
    if not inits:
        return resolved
    document = json.loads(resolved.recipe)
    document["layers"] = [one for entry in document["layers"] for one in _spelled_out(entry, inits)]
    return replace(parse_spec(dump(document), limits), device=resolved.device)


def _spelled_out(entry: dict[str, Any], inits: Mapping[str, Scheme]) -> list[dict[str, Any]]:
    """An entry of a recipe, one for each of its names where any of them has another init."""
    names = expand(entry["name"])
    if not any(f"{name}.{WEIGHT}" in inits for name in names):
        return [entry]
    found = []
    for name in names:
        scheme = inits.get(f"{name}.{WEIGHT}")
        own = {} if scheme is None else {WEIGHT: init_value(scheme)}
        found.append({**entry, "name": name, "init": {**entry.get("init", {}), **own}})
    return found


def calibrate(
    evaluation: Evaluation,
    given: CalibrationGiven,
    resolved: ResolvedSpec,
    x: torch.Tensor,
    deadline: Deadline,
) -> tuple[ResolvedSpec, Calibration]:
    """The calibrated spec for the input `x`, and its report.

    Raises:
        TooLargeError, ComputationCancelledError: as `deadline.check` does.
    """
    seed = (resolved.seed + 1) % (1 << 64)
    network = Network(evaluation.nodes, "float64", x.device, seed, training=evaluation.training)
    network.load(resolved, deadline)
    run = _Run(given, evaluation.nodes, resolved, deadline)
    run.watch(network)
    with torch.no_grad():
        network.output(x.double() if x.is_floating_point() else x, deadline)
    calibrated = with_inits(resolved, run.inits, evaluation.limits)
    token = encode_token(calibrated)
    short = len(token) <= evaluation.limits.token_chars
    return calibrated, Calibration(
        method=given.method,
        spec=json.loads(calibrated.recipe),
        token=token if short else None,
        url=f"{WEIGHTS_PATH}/{token}" if short else None,
        etag=f'"{open_file(calibrated).digest}"',
        layers=tuple(run.layers),
    )


class _Run:
    """One forward pass, in which each layer is scaled before the next takes its output."""

    def __init__(
        self,
        given: CalibrationGiven,
        nodes: Sequence[Node],
        resolved: ResolvedSpec,
        deadline: Deadline,
    ) -> None:
        self._given = given
        self._nodes = nodes
        self._tensors = _by_name(resolved)
        self._by_torch = resolved.torch is not None
        self._deadline = deadline
        self.inits: dict[str, Scheme] = {}
        self.layers: list[CalibratedLayer] = []

    def watch(self, network: Network) -> None:
        """Scale the modules of a network when they run, without dropout."""
        for node, module in zip(self._nodes, network.modules, strict=True):
            _end_dropout(module)
            if _has_one_weight(node):
                module.register_forward_hook(partial(self._scale, node))
            elif isinstance(node.layer, Layer) and node.layer.matrices():
                module.register_forward_hook(partial(self._leave, node))

    def _leave(self, node: Node, _module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        """Report a layer whose output is not proportional to one weight."""
        self.layers.append(
            CalibratedLayer(
                name=node.name,
                factor=1.0,
                std_before=None,
                std_after=None,
                iterations=0,
                init=None,
                remark=f"the output of {node.type} is not proportional to one weight: it stays as it is",
            )
        )

    def _scale(
        self, node: Node, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        """Divide the weight by the deviation of the output until that is 1, and return the new output."""
        name = f"{node.name}.{WEIGHT}"
        tensor, given = self._tensors[name], self._given
        weight = module.get_parameter(WEIGHT)
        before = std = moments(output)[1]
        scheme, factor, iterations = tensor.scheme, 1.0, 0
        near = abs(std * std - 1) <= given.tolerance
        remark = None if near else _obstacle(tensor, module, before, by_torch=self._by_torch)
        while remark is None and abs(std * std - 1) > given.tolerance and iterations < given.max_iterations:
            self._deadline.check()
            previous, factor = factor, _rounded(factor / std)
            found = _rescaled(tensor, factor, by_torch=self._by_torch)
            if found is None:
                remark, factor = f"the factor {factor:g} takes its init out of range", previous
                break
            scheme = found
            weight.mul_(factor / previous)
            output = module.forward(*inputs)
            std = moments(output)[1]
            iterations += 1
            if iterations == 1 and std == before:
                remark = (
                    "its weight does not reach the output, all of whose variance is the bias's: see its input"
                )
                scheme, factor, iterations = tensor.scheme, 1.0, 0
        if remark is None and not abs(std * std - 1) <= given.tolerance:
            detail = f"the variance is {std * std:.4g} after {iterations} iterations"
            remark = f"{detail}: raise max_iterations, or the tolerance"
        if factor != 1:
            self.inits[name] = scheme
        self.layers.append(
            CalibratedLayer(
                name=node.name,
                factor=factor,
                std_before=before,
                std_after=std,
                iterations=iterations,
                init=init_value(scheme),
                remark=remark,
            )
        )
        return output


def _obstacle(tensor: ResolvedTensor, module: torch.nn.Module, std: float, *, by_torch: bool) -> str | None:
    """Why no factor makes the variance 1, as a sentence; None where one may."""
    kind = tensor.scheme.spellings()[0]
    if _rescaled(tensor, 2.0, by_torch=by_torch) in (None, tensor.scheme):
        where = " with generator torch" if by_torch else ""
        return f"{kind} has no scale{where}: give the weight another init"
    if isinstance(tensor.distribution, ZeroRange):  # an init of its own, as the answer has, fills every row
        return (
            "its row padding_idx stays zero only without an init: give the weight one, which fills every row"
        )
    if getattr(module, "max_norm", None) is not None:
        return "max_norm bounds the output, so that it is not proportional to the weight: leave max_norm out"
    if std == 0:
        return "the output has the std 0, which no factor changes: see its init and its input"
    if not math.isfinite(std):
        return "the output is not finite: see the input, and the layers before"
    bias = getattr(module, "bias", None)
    own = 0.0 if bias is None or bias.numel() < 2 else moments(bias)[1]
    return None if own < 1 else f"the bias alone has the std {own:.3g}: draw it by zeros"


def _rescaled(tensor: ResolvedTensor, factor: float, *, by_torch: bool) -> Scheme | None:
    """The scheme of a tensor times a factor; None where there is none, or none that torch draws."""
    shape, fans = tensor.shape, tensor.fans
    try:
        scheme = tensor.scheme.rescaled(factor, shape, fans) if 0 < factor < math.inf else None
        if scheme is not None and by_torch:
            check_init(scheme, scheme.distribution_for(shape, fans), shape, tensor.dtype)
    except ValueError:
        return None
    return scheme


def _rounded(factor: float) -> float:
    return float(f"{factor:.{DIGITS}g}")


def _has_one_weight(node: Node) -> bool:
    """Whether the output is proportional to a weight, up to a bias."""
    return isinstance(node.layer, Layer) and WEIGHT in node.layer.matrices()


def _end_dropout(module: torch.nn.Module) -> None:
    """Let nothing be dropped; norms still see the batch."""
    for part in module.modules():
        if isinstance(part, _DropoutNd | torch.nn.RReLU):
            part.eval()
        elif isinstance(getattr(part, "dropout", None), float):  # of recurrent layers and attention
            part.dropout = 0.0  # type: ignore[assignment]


def _by_name(resolved: ResolvedSpec) -> dict[str, ResolvedTensor]:
    return {tensor.name: tensor for tensor in resolved.tensors}
