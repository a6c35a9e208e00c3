"""Rerun of a notebook: its cells in one process, their outputs stored.

`python -m tools.notebook examples/initialisation.ipynb` runs it against the service of `TENSORSEED_URL`, by
default http://127.0.0.1:8000. Outputs are those of a kernel with inline pictures: printed lines, then the
figures that a cell left open, then the value of its last expression. No Jupyter is needed.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any

DPI = 64
METADATA = {"Software": None}  # of a picture: the version of matplotlib would change its bytes


def source_of(cell: dict[str, Any]) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def rerun(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the outputs of a run of all its cells.

    Raises:
        Exception: what a cell raises.
    """
    import matplotlib

    matplotlib.use("agg")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = _run(source_of(cell), f"cell {count}", namespace, count)
            cell = {**cell, "execution_count": count, "outputs": outputs}
        cells.append(cell)
    return {**notebook, "cells": cells}


def _run(source: str, name: str, namespace: dict[str, Any], count: int) -> list[dict[str, Any]]:
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(text)})
    outputs.extend(_figures())
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        outputs.append(
            {"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"}
        )
    return outputs


def _figures() -> list[dict[str, Any]]:
    """The open figures as pictures, after which they are closed."""
    from matplotlib import pyplot

    found = []
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        content = io.BytesIO()
        figure.savefig(content, dpi=DPI, bbox_inches="tight", metadata=METADATA)
        picture = base64.b64encode(content.getvalue()).decode() + "\n"
        data = {"image/png": picture, "text/plain": _lines(repr(figure))}
        found.append({"data": data, "metadata": {}, "output_type": "display_data"})
        pyplot.close(figure)
    return found


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Write the outputs of a new run into the notebook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    path = parser.parse_args().notebook
    notebook = rerun(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
