"""Opening of weights by spec, token, recipe or URL."""

from __future__ import annotations

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.files.virtual_file import open_file
from tensorseed.weights.base import Weights
from tensorseed.weights.local import LocalWeights
from tensorseed.weights.spec_reading import SpecSource, read_spec


def open(spec: SpecSource) -> Weights:  # noqa: A001
    """Open the weights of a spec, without computing any.

    `spec` is a dict, its JSON text, the path of a JSON file, a token, or a shipped recipe: its id, such as
    `tensorseed/tiny-llama`, alone or with a revision, `tensorseed/tiny-llama@seed-42,dtype=bfloat16`.
    The URL of a service's file is one too: what is read is fetched, with the key of TENSORSEED_KEY.
    Numbers of a dict may be numpy's. Weights that are open already are returned.

    >>> weights = open({"layers": [{"name": "fc", "type": "Linear", "in_features": 4, "out_features": 2}]})
    >>> weights["fc.weight"].shape
    (2, 4)

    Raises:
        SpecError: the spec is not valid; `faults` has a JSON pointer and a remedy for every fault.
        TooLargeError: the spec exceeds a limit.
        UnknownNameError: the string is neither JSON, nor a file, a token or a recipe.
        VersionError: the spec is of another version or of other kernels of torch.
        OSError: the file cannot be read.
        RefusedError: the service has no such file.
        NetworkError: the service did not answer as it should, even after several attempts.
        MismatchError: the service's file is not one that tensorseed computes.
    """
    if isinstance(spec, Weights):
        return spec
    if isinstance(spec, str) and spec.startswith(("http://", "https://")):
        from tensorseed.client.sync_client import open_url

        return open_url(spec)
    with default_float_environment():
        resolved, inputs = read_spec(spec)
        return LocalWeights(open_file(resolved), inputs)
