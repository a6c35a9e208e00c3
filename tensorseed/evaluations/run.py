"""Run of an evaluation: forward, backward, diagnostics and steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch

from tensorseed.concurrency.cancellation import Cancelled, ComputationCancelledError, cancellable
from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tensorseed.devices.torch_errors import is_device_error
from tensorseed.errors import EvaluationError
from tensorseed.evaluations.calibration import calibrate
from tensorseed.evaluations.diagnostics import feature_axes, measure, moments, total_norm
from tensorseed.evaluations.evaluation import SHORT_PASS, Evaluation, Variant, device_of
from tensorseed.evaluations.findings.lint import untrained_findings, warnings
from tensorseed.evaluations.findings.measurements import Measurements, input_moments
from tensorseed.evaluations.forward import REFUSALS
from tensorseed.evaluations.graph import INPUT
from tensorseed.evaluations.network import Deadline, Network
from tensorseed.evaluations.objective import check_output
from tensorseed.evaluations.recurrence import hidden_gradient_norms
from tensorseed.evaluations.report import (
    MAX_OUTPUT_ELEMENTS,
    Calibration,
    Comparison,
    EvaluationWarning,
    LayerReport,
    Output,
    Report,
)
from tensorseed.spec.lint import UNUSED_RULE, unused_rules

State = dict[str, torch.Tensor]


class VariantRun:
    """Run of one variant: its network, input and objective, in one dtype on one device."""

    def __init__(self, evaluation: Evaluation, variant: Variant, x: torch.Tensor, deadline: Deadline) -> None:
        self.evaluation = evaluation
        self.variant = variant
        self.deadline = deadline
        device, dtype = device_of(evaluation.device), getattr(torch, variant.dtype)
        self.x = x.to(device, dtype if x.is_floating_point() else x.dtype)
        self.objective = evaluation.objective and evaluation.objective.cast(dtype, device)
        seed = (variant.resolved.seed + 1) % (1 << 64)  # of dropout: not that of the weights
        self.resolved = variant.resolved
        self.calibration: Calibration | None = None
        if evaluation.calibration is not None:
            self.resolved, self.calibration = calibrate(
                evaluation, evaluation.calibration, variant.resolved, self.x, deadline
            )
        self.network = Network(
            evaluation.nodes,
            variant.dtype,
            device,
            seed,
            training=evaluation.training,
            # a call into Python for each layer would take as long as a short one
            stops_backward=evaluation.pass_seconds > SHORT_PASS,
        )
        self.network.load(self.resolved, deadline)

    def report(self) -> Report:
        """Measure the untrained network, then train it."""
        evaluation, variant = self.evaluation, self.variant
        untrained = self.network.snapshot() if evaluation.return_weights and not evaluation.steps else None
        outputs = self._outputs()
        loss = self._loss(outputs[-1])
        layers = self._measured(outputs)
        output = outputs[-1].detach()
        del outputs
        total = None if loss is None else total_norm(_gradients(self.network.parameters()))
        measured = self._measurements(layers, output, loss, total)
        found = untrained_findings(measured)
        steps, trained = self._steps()
        return Report(
            label=variant.label,
            seed=variant.resolved.seed,
            dtype=variant.dtype,
            device=str(self.x.device),
            output=_summarize_output(output),
            loss=measured.loss,
            expected_loss=measured.expected,
            denominator=self.objective.denominator(output) if self.objective else None,
            gradient_norm=total,
            layers=layers,
            steps=steps,
            smoothed=smooth(steps, evaluation.smoothing),
            warnings=(*_of_rules(variant), *warnings(measured, found, steps, variant.optimizer)),
            calibration=self.calibration,
            weights=trained or untrained,
        )

    def _outputs(self) -> list[torch.Tensor]:
        """Every layer's output, keeping its gradient where it has one.

        The input takes part in the graph where a layer that takes it has no parameters to hold a gradient.
        """
        x = self.x
        if x.is_floating_point() and any(
            INPUT in node.sources and not any(True for _ in module.parameters())
            for node, module in zip(self.evaluation.nodes, self.network.modules, strict=True)
        ):
            x = x.detach().requires_grad_()
        outputs = list(self.network.outputs(x, self.deadline))
        for output in outputs:
            if output.requires_grad:
                output.retain_grad()
        return outputs

    def _loss(self, output: torch.Tensor) -> torch.Tensor | None:
        """The loss of the untrained network, after the backward pass."""
        if self.objective is None:
            return None
        check_output(self.objective, output.detach(), self.evaluation.limits)
        loss = self.objective.value(output, self.variant.dtype)
        self._backward(loss)
        return loss.detach()

    def _backward(self, loss: torch.Tensor) -> None:
        self.deadline.check()
        if not loss.requires_grad:
            return
        try:
            loss.backward()  # type: ignore[no-untyped-call]
        except REFUSALS as error:
            if is_device_error(error):
                raise
            detail = f"torch has no gradients of this network in {self.variant.dtype} here: use float32"
            raise EvaluationError.at("/dtype", detail) from None
        self.deadline.check()

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        try:
            optimizer.step()
        except REFUSALS as error:
            if is_device_error(error):
                raise
            name, dtype = type(optimizer).__name__, self.variant.dtype
            if "overflow" in str(error):
                detail = f"an argument of {name} is beyond the largest {dtype} number: lower it"
            else:
                detail = f"{name} cannot step here in {dtype}: leave out sparse, or use float32"
            raise EvaluationError.at("/optimizer", detail) from None

    def _measured(self, outputs: Sequence[torch.Tensor]) -> tuple[LayerReport, ...]:
        reports = []
        nodes, modules = self.evaluation.nodes, self.network.modules
        inputs = [outputs[node.sources[0]] if node.sources[0] >= 0 else self.x for node in nodes]
        axes = feature_axes(nodes, [tuple(x.shape) for x in inputs])
        for node, module, axis, x, output in zip(nodes, modules, axes, inputs, outputs, strict=True):
            self.deadline.check()
            hidden = None
            if self.evaluation.shows_time_steps and output.grad is not None:
                hidden = hidden_gradient_norms(node, module, x, output.grad, self.deadline.check)
            gradients = _gradients(list(module.parameters()))
            reports.append(measure(node, output, axis, gradients, hidden or ()))
        return tuple(reports)

    def _measurements(
        self,
        layers: tuple[LayerReport, ...],
        output: torch.Tensor,
        loss: torch.Tensor | None,
        gradient_norm: float | None,
    ) -> Measurements:
        return Measurements(
            nodes=self.evaluation.nodes,
            modules=self.network.modules,
            reports=layers,
            tensors={tensor.name: tensor for tensor in self.resolved.tensors},
            dtype=self.variant.dtype,
            input=input_moments(self.x),
            output=output,
            objective=self.objective,
            loss=None if loss is None else loss.item(),
            expected=self.objective.expected(output) if self.objective else None,
            gradient_norm=gradient_norm,
        )

    def _steps(self) -> tuple[tuple[float, ...], State | None]:
        """The loss after every step, and the state after the last with `return_weights`.

        The first step uses the gradients of the untrained network.
        """
        evaluation, optimizer = self.evaluation, self.variant.optimizer
        if not evaluation.steps or self.objective is None or optimizer is None:
            return (), None
        made = optimizer.build(self.network.parameters())
        losses: list[float] = []
        weights = loss = None
        for step in range(1, evaluation.steps + 1):
            if loss is not None:
                made.zero_grad()
                self._backward(loss)
            self._step(made)
            if step == evaluation.steps and evaluation.return_weights:
                weights = self.network.snapshot()
            loss = self.objective.value(self.network.output(self.x, self.deadline), self.variant.dtype)
            losses.append(loss.item())
        return tuple(losses), weights


def run(evaluation: Evaluation, cancelled: Cancelled) -> Report | Comparison:
    """The report, or with `compare` all reports.

    A short one is computed by one thread of torch: threads that share small matrices wait for each other.

    Raises:
        ComputationCancelledError: `cancelled` has returned true.
        TooLargeError: the computation takes longer than `evaluation_seconds`.
        EvaluationError: a fault that appears only in the computation.
    """
    deadline = Deadline(cancelled, evaluation.limits.evaluation_seconds)
    deadline.check()
    if evaluation.uses_one_thread:
        return run_in_torch_thread(partial(_run, evaluation, deadline))
    return _run(evaluation, deadline)


def _run(evaluation: Evaluation, deadline: Deadline) -> Report | Comparison:
    x = evaluation.input.tensor()
    try:
        with cancellable(deadline.is_over), torch.enable_grad():
            reports = [
                VariantRun(evaluation, variant, x, deadline).report() for variant in evaluation.variants
            ]
    except ComputationCancelledError:
        deadline.check()  # raises TooLargeError if the time is up
        raise
    return Comparison(reports=tuple(reports)) if evaluation.compared else reports[0]


def _gradients(parameters: Sequence[torch.nn.Parameter]) -> list[torch.Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _of_rules(variant: Variant) -> Iterator[EvaluationWarning]:
    """The warnings of the rules that gave no tensor its init."""
    for detail in unused_rules(variant.resolved):
        yield EvaluationWarning(layer=None, code=UNUSED_RULE, detail=detail)


def _summarize_output(output: torch.Tensor) -> Output:
    """The part of a report on the output."""
    mean, std = moments(output)
    small = output.numel() <= MAX_OUTPUT_ELEMENTS
    data = output.to("cpu", torch.float64 if output.is_floating_point() else output.dtype)
    return Output(shape=tuple(output.shape), mean=mean, std=std, data=data.tolist() if small else None)


def smooth(losses: Sequence[float], beta: float) -> tuple[float, ...]:
    """sₜ = β · sₜ₋₁ + (1 − β) · lossₜ with s₀ = 0, divided by 1 − βᵗ."""
    found, average, power = [], 0.0, 1.0
    for loss in losses:
        average = beta * average + (1.0 - beta) * loss
        power *= beta
        found.append(average / (1.0 - power))
    return tuple(found)
