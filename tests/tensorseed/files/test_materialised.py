"""Files as a whole: their elements, and the shelf's bound."""

from __future__ import annotations

import numpy as np

from tensorseed.files.materialised import OVERHEAD, Materialised, Shelf


def of(*sizes: int) -> Materialised:
    return Materialised({f"t{i}": np.arange(size, dtype=np.uint8) for i, size in enumerate(sizes)})


def test_ranges_and_selections():
    whole = of(5, 9)
    out = np.empty(3, np.uint8)
    whole.fill("t1", 4, out)
    assert out.tolist() == [4, 5, 6]
    whole.gather("t1", np.array([8, 0, 3]), out)
    assert out.tolist() == [8, 0, 3]
    assert (whole.nbytes, whole.weight) == (14, 14 + 2 * OVERHEAD)


def test_the_shelf_keeps_what_was_asked_for_lately():
    size = 1000
    one = size + OVERHEAD
    shelf = Shelf(2 * one)
    files = {name: of(size) for name in "abc"}
    shelf.put("a", files["a"])
    shelf.put("b", files["b"])
    assert shelf.get("a") is files["a"]
    shelf.put("c", files["c"])
    assert shelf.get("b") is None
    assert (shelf.get("a"), shelf.get("c")) == (files["a"], files["c"])


def test_the_shelf_does_not_keep_what_is_too_large():
    shelf = Shelf(100)
    shelf.put("a", of(1000))
    assert shelf.get("a") is None
    Shelf(0).put("b", of())
