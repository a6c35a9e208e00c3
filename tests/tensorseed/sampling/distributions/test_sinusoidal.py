"""Sinusoids against numpy, exact numbers, and Whisper's."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.sampling.distributions import Sinusoidal
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.philox import Stream
from tests.tensorseed.draws import bits, numbers

FLOAT32 = DTYPES["float32"]
STREAM = Stream(0, "")


def reference(what: Sinusoidal, positions: int) -> npt.NDArray[np.float64]:
    """By numpy's functions."""
    half = what.columns // 2
    exponent = np.arange(half) / max(half - 1 if what.endpoint else half, 1)
    angles = np.arange(positions)[:, None] * what.max_timescale**-exponent  # (positions, half)
    axis = 2 if what.interleaved else 1
    return np.stack([np.sin(angles), np.cos(angles)], axis).reshape(positions, what.columns)


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("endpoint", [False, True])
@pytest.mark.parametrize(("positions", "columns", "timescale"), [(1500, 64, 1e4), (9, 2, 10.0), (40, 6, 1.0)])
def test_float32_values_are_within_one_unit_of_numpys(positions, columns, timescale, interleaved, endpoint):
    what = Sinusoidal(columns, timescale, interleaved, endpoint)
    drawn = bits(what, FLOAT32, positions * columns).reshape(positions, columns)
    expected = reference(what, positions).astype(np.float32)
    assert (np.abs(drawn - expected) <= np.spacing(np.abs(expected))).all()


@given(
    position=st.integers(0, 10**9),
    column=st.integers(0, 639),
    timescale=st.floats(1.0, 1e30),
    endpoint=st.booleans(),
)
def test_any_element_is_near_the_exact_number(position, column, timescale, endpoint):
    what = Sinusoidal(640, timescale, False, endpoint)
    (found,) = what.elements(STREAM, np.array([position * 640 + column]))
    with mp.workdps(50):
        exponent = mp.mpf(column % 320) / (319 if endpoint else 320)
        angle = position * mp.mpf(timescale) ** -exponent
        exact = mp.sin(angle) if column < 320 else mp.cos(angle)
    scale = 1.0 + float(angle) * max(1.0, np.log(timescale))
    assert abs(found - float(exact)) <= 4e-16 * scale


def test_it_is_whispers_to_the_precision_of_its_float32_angles():
    """An exponent up to log 10⁴, rounded twice, is off by 2⁻²⁰, and so is the angle, relatively."""
    whisper = pytest.importorskip("transformers.models.whisper.modeling_whisper")
    theirs = whisper.sinusoids(1500, 384).double().numpy()
    ours = numbers(Sinusoidal(384, 1e4, False, True), FLOAT32, theirs.size).reshape(theirs.shape)
    angles = np.arange(1500)[:, None] * 1e4 ** -(np.arange(192) / 191)
    assert (np.abs(ours - theirs) <= 2.0**-19 * (1.0 + np.tile(angles, 2))).all()


def test_the_first_position_is_zeros_and_ones():
    drawn = bits(Sinusoidal(10, 1e4, False, True), FLOAT32, 10)
    assert drawn.tobytes() == np.repeat(np.float32([0.0, 1.0]), 5).tobytes()


def test_few_elements_of_many_columns_are_those_of_the_whole():
    """A few compute their own frequencies, many share a table."""
    what = Sinusoidal(1000, 1e4, True, True)
    whole = what.elements(STREAM, np.arange(5_000))
    for start in (0, 999, 1_700, 4_990):
        assert np.array_equal(what.elements(STREAM, np.arange(start, start + 10)), whole[start : start + 10])
