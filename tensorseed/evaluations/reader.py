"""Reader of evaluation requests: every fault is raised before computing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from tensorseed.concurrency.memory import reserve
from tensorseed.errors import EvaluationError, SpecError, TooLargeError, shortened
from tensorseed.evaluations import fields
from tensorseed.evaluations.calibration import prepare_variants
from tensorseed.evaluations.class_axis import (
    check_class_count,
    find_class_axis,
    read_class_axis,
    target_shape,
)
from tensorseed.evaluations.evaluation import Evaluation, Variant, device_of
from tensorseed.evaluations.forward import has_parameters, shapes
from tensorseed.evaluations.graph import Member, NetworkLayer, Node, check_length, read_plain, unroll, walk
from tensorseed.evaluations.objective import (
    Objective,
    objective,
    options_of,
    read_extras,
    read_loss_class,
    takes_integers,
)
from tensorseed.evaluations.optimizers import Optimizer
from tensorseed.evaluations.request import EvaluationRequest
from tensorseed.evaluations.respelling import canonical_text, respelled
from tensorseed.evaluations.sources import DrawnSource, ReadContext, Source, read_source
from tensorseed.evaluations.variants import (
    FIELDS,
    WeightSpec,
    check_inits,
    distinct_label,
    label,
    variant_faults,
)
from tensorseed.spec.faults import Located, misplaced, spec_error
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.json.text import load
from tensorseed.spec.layers.network_module import InputDtype, Shape
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec


def read(body: bytes, limits: Limits) -> Evaluation:
    """The evaluation of a JSON text.

    Raises:
        EvaluationError: the evaluation is not valid; each fault has a pointer.
        TooLargeError: a limit is exceeded.
        DeviceError: this host lacks the device.
        VersionError: this host has another version or other kernels of torch.
    """
    try:
        document = load(body, limits)
    except SpecError as error:
        raise EvaluationError(error.faults) from None
    if not isinstance(document, dict):
        detail = f"an evaluation must be an object with layers and input{misplaced(document)}"
        raise EvaluationError.at("", detail)
    return _Reader(respelled(document), limits).read()


PARAMETER_BYTES = 16  # of memory: with gradient and the optimizer's state
SCORE_BYTES = 4  # of an element of the last output


class _Reader:
    """Reader of one document. It raises the `faults` of each stage together."""

    def __init__(self, document: dict[str, Any], limits: Limits) -> None:
        self.document = document
        self.limits = limits
        self.faults: list[Located] = []
        self.target: dict[str, Any] = {}  # members as the canonical text has them; None for what follows

    def read(self) -> Evaluation:
        """Read the fields, the spec, the shapes and the tensors, a stage each."""
        request = fields.read_request(self.document, self.faults)
        layers = self.document.get("layers")
        layers = layers if isinstance(layers, list) else []
        check_length(layers)
        members = list(walk(layers))
        plain = read_plain(members, self.faults)
        weights = self._outline(members, request)
        optimizer = fields.read_optimizer(self.document.get("optimizer"), ("optimizer",), self.faults)
        asked = fields.read_variants(self.document.get("compare"), self.faults)
        calibration = fields.read_calibration(self.document.get("calibrate"), self.faults)
        base, found = weights.resolve(self.limits)
        self.faults += found
        self._raise()
        assert request is not None
        assert base is not None
        device_of(request.device)
        nodes = self._nodes(layers, plain, weights)
        self._raise()
        variants = self._variants(weights, base, optimizer, asked, request)
        if calibration is not None:
            variants = prepare_variants(variants, nodes, calibration, self.limits, self.faults)
        self._check_steps(request, nodes, variants)
        self._raise()
        self._check_parameters(variants)
        context = ReadContext(request.seed, request.dtype, self.limits, self.faults)
        dtypes = {variant.dtype for variant in variants}
        source, outputs, pass_seconds = self._input(nodes, context, dtypes, training=request.training)
        made = self._objective(context, nodes, outputs, source.shape)
        self._raise()
        if made is not None:
            pass_seconds += made.loss.seconds(SCORE_BYTES * math.prod(outputs[-1]))
        return Evaluation(
            nodes=nodes,
            variants=tuple(variants),
            input=source,
            objective=made,
            outputs=tuple(outputs),
            pass_seconds=pass_seconds,
            device=request.device,
            steps=request.steps,
            smoothing=request.smoothing,
            training=request.training,
            return_weights=request.return_weights,
            compared=bool(asked),
            limits=self.limits,
            calibration=calibration,
            recipe=canonical_text(self.document, self.limits.token_chars, self.target),
        )

    def _raise(self) -> None:
        if self.faults:
            raise EvaluationError(spec_error(dict.fromkeys(self.faults)).faults)  # each of them once

    def _outline(self, members: list[Member], request: EvaluationRequest | None) -> WeightSpec:
        """The spec of the weights, without fields whose faults are known."""
        entries = fields.spec_entries(members, self.faults)
        given = {name: self.document[name] for name in FIELDS if name in self.document}
        return WeightSpec(given if request is not None else {}, list(entries.values()), list(entries))

    def _nodes(
        self, layers: list[Any], plain: dict[Path, NetworkLayer], weights: WeightSpec
    ) -> tuple[Node, ...]:
        if not layers:
            self.faults.append((("layers",), "a network has at least one layer: add one"))
        known = dict(plain)
        for path, layer in zip(weights.paths, weights.layers(), strict=True):
            known[path] = layer
            empty = next((slot for slot in layer.slots() if 0 in slot.shape), None)
            if empty is not None:
                detail = f"its {empty.name} has no elements, {list(empty.shape)}: give sizes of at least 1"
                self.faults.append((path, detail))
        return unroll(layers, known, self.faults)

    def _variants(
        self,
        weights: WeightSpec,
        base: ResolvedSpec,
        optimizer: Optimizer | None,
        asked: Sequence[Any],
        request: EvaluationRequest,
    ) -> list[Variant]:
        if not asked:
            return [Variant(None, base, request.dtype, optimizer)]
        found: list[Variant] = []
        labels: dict[str, int] = {}
        for index, (one, inits, own) in enumerate(asked):
            whole = one.label or label(one, inits, own)
            first = labels.setdefault(whole, index)
            if first != index:
                called = f"are both called {shortened(whole)}"
                detail = f"variants {first} and {index} {called}: give one a label of its own"
                self.faults.append((("compare", index, "label"), detail))
            name = one.label or distinct_label(whole, {variant.label or "" for variant in found})
            misnamed = list(check_inits(inits, weights, index))
            self.faults += misnamed
            if misnamed:
                continue
            resolved, wrong = weights.with_variant(one, inits).resolve(self.limits, within_spec=True)
            self.faults += variant_faults(one, inits, index, wrong)
            if resolved is not None:
                found.append(Variant(name, resolved, one.dtype or request.dtype, own or optimizer))
        return found

    def _check_steps(
        self, request: EvaluationRequest, nodes: tuple[Node, ...], variants: list[Variant]
    ) -> None:
        """Check the number of steps, and that they have a loss, an optimizer and parameters."""
        if request.steps > self.limits.steps:
            detail = f"steps is {request.steps:,}, the limit is {self.limits.steps:,} (steps)"
            raise TooLargeError(f"{detail}: take fewer")
        if not request.steps:
            return
        if self.document.get("loss") is None:
            self.faults.append((("loss",), "steps need a loss: name one, or leave steps out"))
        if any(variant.optimizer is None for variant in variants):
            self.faults.append((("optimizer",), "steps need an optimizer: name one, such as SGD"))
        if not any(has_parameters(node) for node in nodes):
            self.faults.append((("steps",), "no layer has parameters, so there is nothing to train"))

    def _check_parameters(self, variants: list[Variant]) -> None:
        total = sum(tensor.numel for variant in variants for tensor in variant.resolved.tensors)
        if total > self.limits.parameters:
            many = (
                f"the networks of {len(variants)} variants have" if len(variants) > 1 else "the network has"
            )
            raise TooLargeError(
                f"{many} {total:,} parameters and buffers, the limit is {self.limits.parameters:,} "
                "(parameters): take narrower layers, or fewer variants"
            )
        reserve(PARAMETER_BYTES * total)

    def _input(
        self, nodes: tuple[Node, ...], context: ReadContext, dtypes: set[str], *, training: bool
    ) -> tuple[Source, list[Shape], float]:
        """The input, the shapes of all outputs, and the seconds of a pass at most."""
        raw = self.document.get("input")
        given = fields.read_input(raw, self.faults)
        first = next((node for node in nodes if node.layer.input_dtype is not InputDtype.ANY), nodes[0])
        integer = first.layer.input_dtype is InputDtype.INTEGER
        source = None
        if given is not None and isinstance(raw, dict):
            source = read_source("input", raw, given, context, integer=integer)
        self._raise()
        assert source is not None
        rows = first.layer.index_count()
        if rows is not None:
            self._check_indices(first, rows, source)
        found, seconds = shapes(nodes, source, self.limits, dtypes, training=training)
        return source, found, seconds

    def _check_indices(self, node: Node, rows: int, source: Source) -> None:
        """Raise EvaluationError for an index outside of the `rows` of a table."""
        if isinstance(source, DrawnSource):
            if source.classes is not None and source.classes > rows:
                detail = f"classes is {source.classes:,} and {node.title} has num_embeddings {rows:,}"
                raise EvaluationError.at("/input/classes", f"{detail}: make them equal")
            return
        values = source.tensor()
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= rows:
            detail = f"data holds {low if low < 0 else high} and {node.title} has num_embeddings {rows:,}"
            raise EvaluationError.at("/input/data", f"{detail}: give integers from 0 to {rows - 1:,}")

    def _objective(
        self, context: ReadContext, nodes: tuple[Node, ...], outputs: Sequence[Shape], given_shape: Shape
    ) -> Objective | None:
        """The loss with its target, both checked against the output's shape."""
        output = outputs[-1]
        raw, document = self.document.get("loss"), self.document.get("target")
        choice = fields.read_choice(raw, self.faults)
        given = None if document is None else fields.read_target(document, self.faults)
        loss = None if choice is None else read_loss_class(choice, context, options_of(raw))
        if loss is None:
            if document is not None and raw is None:
                context.note(("target",), "a target needs a loss: name one, or leave target out")
            return None
        if given is None:
            if document is None:
                context.note(("target",), f"target is required: what {loss.kind} compares the output with")
            return None
        usual = find_class_axis(nodes, outputs, given_shape)
        axis = read_class_axis(given, loss, output, usual, context)
        default = target_shape(loss, output, axis, classes=given.classes is not None)
        if given.shape is not None and tuple(given.shape) == default:
            self.target["shape"] = None
        if given.class_axis is not None:
            self.target["class_axis"] = None if axis == usual else axis
        shape = _shape_of(document, given.shape, default)
        integer = takes_integers(loss, shape, output)
        assert isinstance(document, dict)
        if integer and loss.takes_class_indices:
            check_class_count(given, output, axis, context)
        source = read_source("target", document, given, context, integer=integer, shape=default)
        extras = read_extras(loss, options_of(raw), context)
        if source is None or self.faults:
            return None
        target = source.tensor()
        if not integer and not target.is_floating_point():
            target = target.to(getattr(torch, context.dtype))
        field = next(field for field in ("data", "classes", "init") if document.get(field) is not None)
        return objective(loss, target, extras, output, axis, context, field)


def _shape_of(raw: Any, shape: Shape | None, default: Shape) -> Shape:
    """The shape of a target, as far as its nested lists show it before they are read."""
    if not isinstance(raw, dict) or raw.get("data") is None:
        return shape or default
    sizes: list[int] = []
    data = raw["data"]
    while isinstance(data, list) and len(sizes) < 64:
        sizes.append(len(data))
        data = data[0] if data else None
    return tuple(sizes)
