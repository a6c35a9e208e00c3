"""Evaluations: forward, backward, optimizer steps and diagnostics.

    evaluation = read_evaluation(body, limits)      raises every fault, before anything is computed
    report = evaluate(evaluation, cancelled)

Importing this package imports no torch; its two functions do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.concurrency.warning_filters import suppress_warnings
from tensorseed.evaluations.report import Comparison, Report
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    from tensorseed.evaluations.evaluation import Evaluation

__all__ = ["evaluate", "read_evaluation"]


def read_evaluation(body: bytes, limits: Limits) -> Evaluation:
    """The evaluation of a JSON text: validated, its shapes followed through every layer.

    Raises:
        EvaluationError: the evaluation is not valid; each fault has a pointer.
        TooLargeError: a limit is exceeded.
        DeviceError: this host lacks the device.
        VersionError: this host has another version or other kernels of torch.
    """
    from tensorseed.evaluations.reader import read

    with suppress_warnings():
        return read(body, limits)


def evaluate(evaluation: Evaluation, cancelled: Cancelled = lambda: False) -> Report | Comparison:
    """Compute an evaluation. It blocks, and polls `cancelled` between layers and between steps.

    Raises:
        ComputationCancelledError: `cancelled` has returned true.
        TooLargeError: the computation takes longer than `evaluation_seconds`.
        EvaluationError: a fault that appears only in the computation.
    """
    from tensorseed.evaluations.run import run

    with suppress_warnings():
        return run(evaluation, cancelled)
