"""Long computations end soon after nobody waits for them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import ComputationCancelledError, cancellable, check_cancelled
from tensorseed.sampling.orthogonal import is_prepared, orthogonal_elements, prepare
from tensorseed.sampling.philox import Stream


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
    key, shape = Stream(3, "prepared").key(), (400, 30)
    assert is_prepared(key, (90, 80))
    assert not is_prepared(key, shape)
    prepare(key, shape)
    assert is_prepared(key, shape)
