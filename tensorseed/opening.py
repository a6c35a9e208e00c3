"""Opening of weights by spec, token, recipe or URL."""

from __future__ import annotations

from typing import Any

from tensorseed.client import begins_as_url
from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import LIMITS
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.json.values import dtype_text
from tensorseed.spec.spec import in_dtype
from tensorseed.spec.spellings.names import dtype_name
from tensorseed.weights.base import Weights
from tensorseed.weights.local import LocalWeights
from tensorseed.weights.spec_reading import SpecSource, read_spec


def open(spec: SpecSource, *, dtype: Any = None) -> Weights:  # noqa: A001
    """Open the weights of a spec, without computing any.

    `spec` is a dict, its JSON text, the path of a JSON file, a token, or a shipped recipe: its id, such as
    `tensorseed/tiny-llama`, alone or with a revision, `tensorseed/tiny-llama@seed-42,dtype=bfloat16`.
    The URL of a service's file or repository is one too. What is read is fetched, with the key of
    TENSORSEED_KEY.
    Numbers of a dict may be numpy's. Weights that are open already are returned.
    With `dtype`, such as "bfloat16" or `np.float16`, they are those of the same spec in that dtype, but for
    tensors of int64 and bool.

    >>> weights = open({"layers": [{"name": "fc", "type": "Linear", "in_features": 4, "out_features": 2}]})
    >>> weights["fc.weight"].shape
    (2, 4)
    >>> open(weights, dtype="half")["fc.weight"].dtype
    dtype('float16')

    Raises:
        SpecError: the spec is not valid, or not in that dtype; `faults` has a JSON pointer and a remedy for
            every fault.
        TooLargeError: the spec exceeds a limit.
        UnknownNameError: the string is neither JSON, nor a file, a token or a recipe.
        VersionError: the spec is of another version or of other kernels of torch.
        OSError: the file cannot be read.
        RefusedError: the service has no such file.
        NetworkError: the service did not answer as it should, even after several attempts.
        MismatchError: the service's file is not one that tensorseed computes.
    """
    if isinstance(spec, Weights) and dtype is None:
        return spec
    if isinstance(spec, str) and begins_as_url(spec):
        from tensorseed.client.sync_client import open_url

        return open_url(spec, dtype=dtype)
    with default_float_environment():
        resolved, inputs = read_spec(spec)
        if dtype is not None:
            resolved = in_dtype(resolved, dtype_name(dtype_text(dtype)), LIMITS)
        return LocalWeights(open_file(resolved), inputs)
