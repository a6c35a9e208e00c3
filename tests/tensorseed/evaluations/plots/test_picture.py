"""Picture of a report: valid, deterministic, complete, for any report."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import matplotlib
import matplotlib.image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorseed.evaluations.plots import ACTIVATIONS, GRADIENTS, IN_TIME, STEPPED, UNSTEPPED, draw
from tests.tensorseed.evaluations.plots.reports import INF, NAN, layer, recurrent, report

SPACE = "{http://www.w3.org/2000/svg}"


def texts(*reports: Any) -> list[str]:
    """What the SVG of these reports says."""
    root = ElementTree.fromstring(draw(reports, "svg"))
    assert root.tag == f"{SPACE}svg"
    return ["".join(text.itertext()) for text in root.iter(f"{SPACE}text")]


def test_a_png_is_1200_pixels_wide():
    picture = draw([report()], "png")
    assert picture.startswith(b"\x89PNG")
    height, width, _ = matplotlib.image.imread(io.BytesIO(picture)).shape
    assert (width, height > 900) == (1_200, True)


def test_the_picture_says_what_it_is_and_names_what_it_shows():
    told = texts(report())
    assert told[0] != ""
    for text in (
        "Signal and loss of a network of 3 layers",
        ACTIVATIONS,
        GRADIENTS,
        STEPPED,
        "optimizer step",
    ):
        assert text in told
    for name in ("fc1", "1.ReLU", "fc2"):
        assert told.count(name) == 1
    assert {"0.25", "0.3", "1.25", "expected untrained: 2.303"} <= set(told)


def test_every_variant_is_named_in_every_panel_in_one_colour():
    labels = [f"variant {i}" for i in range(8)]
    svg = draw([report(label, losses=(2.0, i + 1.0)) for i, label in enumerate(labels)], "svg").decode()
    for label in labels:
        assert len(re.findall(rf">{label}: [^<]+</text>", svg)) == 3
        assert len(set(re.findall(rf'fill: (#\w+)"[^>]*>{label}:', svg))) == 1
    assert len(set(re.findall(r'fill: (#\w+)"[^>]*>variant \d:', svg))) == 8


def test_labels_do_not_lie_on_each_other():
    reports = [report(f"variant {i}") for i in range(8)]
    svg = draw(reports, "svg").decode()
    heights = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>variant \d:', svg)]
    for first in range(0, 24, 8):
        panel = sorted(heights[first : first + 8])
        assert min(b - a for a, b in pairwise(panel)) > 9  # points: the font's size


def test_without_a_loss_there_is_no_panel_of_gradients_nor_of_losses():
    told = texts(report(gradients=None, losses=()))
    assert ACTIVATIONS in told
    assert not {GRADIENTS, STEPPED, UNSTEPPED} & set(told)
    assert "Signal of a network of 3 layers" in told
    assert "fc2" in told


def test_without_steps_the_loss_alone_is_shown():
    told = texts(report("a", losses=(2.5,)), report("b", losses=(2.25,)))
    assert {UNSTEPPED, "a: 2.5", "b: 2.25"} <= set(told)
    assert STEPPED not in told


def test_a_loss_that_is_not_finite_is_told_with_its_step():
    told = texts(report("a", losses=(2.0, 4.0, NAN, NAN)), report("b", losses=(INF, INF, INF, INF)))
    assert {"a: not finite at step 2", "b: not finite from the start"} <= set(told)


def test_signals_of_zero_and_not_finite_have_places_of_their_own():
    told = texts(report("a", stds=(1.0, 0.0, 0.0)), report("b", stds=(1.0, INF, NAN)))
    assert {"0", "not finite", "a: 0", "b: not finite"} <= set(told)


def test_gradients_in_time_have_a_panel_of_their_own():
    layers = (recurrent("rnn", 0.01, 0.1, 1.0, reverse=(0.5, 0.25, 0.0)), layer("head", 1.0, 0.1))
    told = texts(report(layers=layers))
    assert {IN_TIME, "time step", "rnn 0.01 to 1", "rnn reverse 0.5 to 0", STEPPED} <= set(told)
    assert IN_TIME not in texts(report())
    many = tuple(recurrent(f"rnn{i}", NAN, 0.1) for i in range(20))
    told = texts(report("a", layers=many), report("b", layers=many, losses=()))
    assert f"{IN_TIME}, 16 of 40 layers" in told
    assert {"a: rnn0 not finite to 0.1", "b: rnn7 not finite to 0.1"} <= set(told)


def test_every_fifth_of_300_layers_is_named():
    names = [f"fc{i}" for i in range(300)]
    told = texts(report(stds=[1.0] * 300, gradients=[0.1] * 300, names=names))
    assert [text for text in told if text.startswith("fc")] == names[::5]


def test_what_a_client_writes_stays_text():
    odd = ["</svg><script>", "$\\frac{", "a\x00b\nc", "日本", "_x", "x" * 300]
    told = texts(report("&<a>", names=odd, stds=[1.0] * 6, gradients=[0.1] * 6), report("$x^$"))
    assert {"</svg><script>", "$\\frac{", "a□b□c", "□□", "_x", "&<a>: 1.25", "$x^$: 1.25"} <= set(told)
    assert max(map(len, told)) < 120


@pytest.mark.parametrize("form", ["svg", "png"])
def test_equal_reports_give_equal_bytes_in_any_process(form):
    code = (
        "import sys; from tensorseed.evaluations.plots import draw; "
        "from tests.tensorseed.evaluations.plots.reports import report; "
        f"sys.stdout.buffer.write(draw([report('a'), report('b')], {form!r}))"
    )
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert draw([report("a"), report("b")], form) == other


def test_pictures_drawn_at_once_do_not_mix():
    reports = [report(f"v{i}", stds=(1.0, 1.0, 2.0**i)) for i in range(4)]
    alone = [draw([one, one], "svg") for one in reports]
    found: dict[int, bytes] = {}

    def work(index: int) -> None:
        found[index] = draw([reports[index], reports[index]], "svg")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == alone


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were_and_pyplot_out():
    before = dict(matplotlib.rcParams)
    draw([report()], "svg")
    assert dict(matplotlib.rcParams) == before
    code = "import sys; from tensorseed.evaluations.plots import draw; print('matplotlib' in sys.modules); "
    code += "from tests.tensorseed.evaluations.plots.reports import report; draw([report()], 'png'); "
    code += "print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"]


anything = st.floats(allow_nan=True) | st.sampled_from([0.0, NAN, INF, -INF, 5e-324, 1.7e308, -1.7e308])
signals = st.floats(min_value=0) | st.sampled_from([0.0, NAN, INF, 5e-324, 1.7e308])


@settings(max_examples=40)
@given(data=st.data(), count=st.integers(1, 3), layers=st.integers(1, 5), steps=st.integers(0, 6))
def test_any_report_can_be_drawn(data: Any, count: int, layers: int, steps: int) -> None:
    def row(values: Any, size: int) -> list[float]:
        return data.draw(st.lists(values, min_size=size, max_size=size))

    reports = [
        report(
            str(i),
            stds=row(signals, layers),
            gradients=row(signals, layers),
            losses=row(anything, steps + 1),
            names=[data.draw(st.text(max_size=40)) for _ in range(layers)],
        )
        for i in range(count)
    ]
    ElementTree.fromstring(draw(reports, "svg"))
