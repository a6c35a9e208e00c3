"""Driver in a client's Python: runs calls, one JSON line each."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from dataclasses import asdict, is_dataclass
from typing import Any


def found(path: str) -> Any:
    """What a dotted path names. A class on the way stands for an instance made without arguments."""
    module, _, names = path.partition(":")
    value: Any = importlib.import_module(module)
    for name in names.split("."):
        value = getattr(value() if inspect.isclass(value) else value, name)
    return value


def plain(value: Any) -> Any:
    """What JSON can hold of a client's value."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value) | {"kind": type(value).__name__}
    if hasattr(value, "__next__") or isinstance(value, set):
        return list(value)
    return vars(value) | {"kind": type(value).__name__} if hasattr(value, "__dict__") else str(value)


def answered(told: dict[str, Any]) -> str:
    """The result of a call, or its error with the names of all its classes."""
    try:
        return json.dumps({"result": found(told["call"])(*told["args"], **told["given"])}, default=plain)
    except Exception as error:
        return json.dumps({"kinds": [kind.__name__ for kind in type(error).__mro__], "message": str(error)})


def main() -> None:
    """Answer until the input ends. What the client prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(answered(json.loads(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
