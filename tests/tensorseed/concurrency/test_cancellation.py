"""Long computations end soon after nobody waits for them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import (
    STEP,
    ComputationCancelledError,
    cancellable,
    cancellably,
    check_cancelled,
)
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling import compact_wy
from tensorseed.sampling.distributions import Orthogonal
from tensorseed.sampling.distributions.base import Elements
from tensorseed.sampling.distributions.orthogonal import orthogonal_elements
from tensorseed.sampling.philox import Stream
from tensorseed.sampling.reflections import orthogonal_rows
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec


def test_only_within_the_block_of_the_same_thread():
    check_cancelled()
    with cancellable(lambda: True):
        other = threading.Thread(target=check_cancelled)
        other.start()
        other.join()
        with cancellable(lambda: False):
            check_cancelled()
        with pytest.raises(ComputationCancelledError):
            check_cancelled()
    check_cancelled()


@pytest.mark.parametrize("shape", [(400, 30), (30, 400), (90, 80)])
def test_an_orthogonal_matrix_is_given_up(shape):
    key = Stream(3, f"given up {shape}").key()
    elements = np.arange(60, dtype=np.int64)
    with cancellable(lambda: True), pytest.raises(ComputationCancelledError):
        orthogonal_elements(key, shape, elements)
    assert orthogonal_elements(key, shape, elements).size == 60


def test_what_is_prepared_is_known_to_be():
    stream = Stream(3, "prepared")
    elements = Elements(0, 1)
    assert not [*Orthogonal(90, 80, 1.0).preparations(stream, elements)]
    (preparation,) = Orthogonal(400, 30, 1.0).preparations(stream, elements)
    assert not preparation.is_done
    preparation.run()
    assert preparation.is_done


@pytest.mark.parametrize(
    "compute",
    [
        lambda key: compact_wy.prepare(key, 3_000, 1_200),
        lambda key: orthogonal_rows(key, (2_000, 2_000), np.arange(1_900, 2_000)),
    ],
)
def test_a_long_computation_often_looks_whether_it_is_cancelled(compute):
    looked = 0

    def count() -> bool:
        nonlocal looked
        looked += 1
        return False

    with cancellable(count):
        compute(Stream(3, "often").key())
    assert looked > 20


def test_items_are_yielded_until_the_computation_is_cancelled():
    assert list(cancellably(range(3 * STEP))) == list(range(3 * STEP))
    looks = iter([False, False, True])
    taken: list[int] = []
    with cancellable(lambda: next(looks)), pytest.raises(ComputationCancelledError):
        taken.extend(cancellably(range(9 * STEP)))
    assert taken == list(range(2 * STEP))


def test_reading_a_spec_of_many_tensors_and_opening_its_file_often_look_whether_they_are_cancelled():
    body = b'{"layers": [{"name": "a.{0..99999}", "type": "Tensor", "shape": [1], "init": "normal"}]}'
    looked = 0

    def count() -> bool:
        nonlocal looked
        looked += 1
        return False

    with cancellable(count):
        spec = parse_spec(body, Limits())
        assert looked > 20
        looked = 0
        open_file(spec)
    assert looked > 10
