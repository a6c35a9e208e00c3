"""Evaluations: forward, backward, optimizer steps and diagnostics.

    evaluation = read_evaluation(body, limits)      raises every fault, before anything is computed
    report = evaluate(evaluation, cancelled)

A token holds the canonical form of a request, as that of a spec does:

    token = "e1." + base64url(checksum + request)

Importing this package imports no torch; its functions do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorseed.concurrency.cancellation import Cancelled
from tensorseed.concurrency.warning_filters import suppress_warnings
from tensorseed.errors import EvaluationError, SpecError, UnknownNameError, missing_framework
from tensorseed.evaluations.report import Comparison, Report
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    from tensorseed.evaluations.evaluation import Evaluation

__all__ = ["calibrate", "decode_evaluation", "encode_evaluation", "evaluate", "read_evaluation"]

PREFIX = "e1."  # of a token

LOCAL_LIMITS = Limits(
    materialised_bytes=1 << 40, parameters=1 << 40, activations=1 << 40, evaluation_seconds=math.inf
)
"""The limits of a service, except for those that only the memory and the patience of a host bound here."""


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


def encode_evaluation(evaluation: Evaluation) -> str | None:
    """The token of an evaluation that answers a report; None where it is too long for a URL."""
    from tensorseed.spec.spec_token import token_of

    if evaluation.recipe is None or evaluation.return_weights:
        return None
    token = token_of(evaluation.recipe.encode(), PREFIX)
    return token if len(token) <= evaluation.limits.token_chars else None


def decode_evaluation(token: str, limits: Limits) -> Evaluation:
    """The evaluation of a token.

    Raises:
        UnknownNameError: the token is cut, altered, not canonical, or longer than `limits.token_chars`.
        TooLargeError: a limit is exceeded.
        DeviceError: this host lacks the device.
        VersionError: this host has another version or other kernels of torch.
    """
    from tensorseed.spec.spec_token import recipe_of

    recipe = recipe_of(token, PREFIX) if len(token) <= limits.token_chars else None
    if recipe is not None:
        try:
            evaluation = read_evaluation(recipe, limits)
        except (EvaluationError, SpecError):
            raise _unknown() from None
        if encode_evaluation(evaluation) == token:
            return evaluation
    raise _unknown()


def _unknown() -> UnknownNameError:
    return UnknownNameError(
        "this token stands for no evaluation: it was cut or altered; POST the evaluation for a new one"
    )


def calibrate(network: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, Any]:
    """Scale the inits of a network so that the output of each layer has the variance 1 (LSUV).

    >>> found = calibrate({
    ...     "layers": [{"name": "fc", "type": "Linear", "in_features": 64, "out_features": 32}],
    ...     "input": {"shape": [256, 64], "init": {"kind": "normal", "std": 0.5}},
    ... })
    >>> [(layer["name"], round(layer["factor"])) for layer in found["layers"]]
    [('fc', 2)]

    Args:
        network: an evaluation with its layers and input, its JSON text, or the path of a JSON file;
            `calibrate` in it holds settings, such as `{"method": "lsuv", "tolerance": 0.1}`.

    Returns:
        The `calibration` of an evaluation's report: the calibrated `spec`, its `token`, and the factors.

    Raises:
        EvaluationError: the network is not valid; each fault has a pointer. Or it has variants.
        TooLargeError: a limit is exceeded.
        DeviceError: this host lacks the device.
        OSError: the file cannot be read.
        ModuleNotFoundError: torch is not installed.
    """
    from tensorseed.spec.json.values import to_json

    try:
        given = _document(network)
        if given.get("compare"):
            raise EvaluationError.at("/compare", "one network is calibrated: leave compare out")
        left_out = ("compare", "loss", "optimizer", "return_weights", "steps", "target")
        document = {key: value for key, value in given.items() if key not in left_out}
        if document.get("calibrate") is None:
            document["calibrate"] = "lsuv"
        text = to_json(document)
    except SpecError as error:
        raise EvaluationError(error.faults) from None
    try:
        report = evaluate(read_evaluation(text, LOCAL_LIMITS))
    except ModuleNotFoundError as error:
        raise (missing_framework("torch") if error.name == "torch" else error) from None
    assert isinstance(report, Report)
    assert report.calibration is not None
    return report.calibration.model_dump()


def _document(network: Mapping[str, Any] | str | os.PathLike[str]) -> Mapping[str, Any]:
    """The evaluation that a mapping, a JSON text or the path of a file holds.

    Raises:
        SpecError: the text is no JSON object.
        OSError: the file cannot be read.
        TypeError: it is none of them.
    """
    from tensorseed.spec.faults import misplaced
    from tensorseed.spec.json.text import load

    if isinstance(network, Mapping):
        return network
    if not isinstance(network, str | os.PathLike):
        raise TypeError(f"a network is a dict, a JSON text or a path, and not {type(network).__name__}")
    if isinstance(network, str) and network.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        body = network.encode(errors="surrogatepass")
    else:
        body = Path(network).read_bytes()
    document = load(body, LOCAL_LIMITS)
    if not isinstance(document, dict):
        raise SpecError.at("", f"an evaluation must be an object with layers and input{misplaced(document)}")
    return document
