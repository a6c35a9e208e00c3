"""transformers' pipelines of images, speech and text, by versions 5 and 4."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import BUILD, REMEDY, Python
from tests.clients.wire import Wire

VIT, CLIP, WHISPER = (f"tensorseed/tiny-{name}" for name in ("vit", "clip", "whisper"))


@pytest.fixture(scope="module", params=["5", "4"])
def client(
    request: pytest.FixtureRequest, passing: Wire, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Python]:
    """A process that has a version of transformers."""
    folder = Path(sys.prefix) if request.param == "5" else BUILD / "transformers-4"
    python = folder / "bin" / "python"
    if not python.exists():
        pytest.skip(f"transformers {request.param} is not installed: {REMEDY}")
    client = Python(python, passing.url, tmp_path_factory.mktemp("home"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def found(client: Python) -> dict[str, Any]:
    """The results of all pipelines."""
    return dict(client("media_programs:media", VIT, CLIP, WHISPER))


def test_images_are_classified(found: dict[str, Any]) -> None:
    assert {row["label"] for row in found["labels"]} == {f"LABEL_{number}" for number in range(10)}
    assert sum(row["score"] for row in found["labels"]) == pytest.approx(1)
    assert {row["label"] for row in found["zero_shot"]} == {"a cat", "a dog"}
    assert sum(row["score"] for row in found["zero_shot"]) == pytest.approx(1)


def test_processors_hold_their_parts(found: dict[str, Any]) -> None:
    assert found["processors"] == {CLIP: "CLIPProcessor", WHISPER: "WhisperProcessor"}
    assert found["shapes"]["pixel_values"] == [1, 3, 32, 32]
    assert found["shapes"]["input_ids"][0] == 2


def test_speech_is_recognised_in_words_and_times(found: dict[str, Any]) -> None:
    """A transcript of random weights may be of special tokens alone, which the text leaves out."""
    assert isinstance(found["text"], str)
    assert isinstance(found["translated"], str)
    assert found["chunks"]
    assert found["words"]
    for chunk in found["chunks"]:
        start, end = chunk["timestamp"]
        assert end is None or 0 <= start <= end


def test_text_becomes_text(client: Python) -> None:
    written = client("media_programs:text_to_text", "tensorseed/tiny-t5", "some text")
    assert written["names"] == ["attention_mask", "input_ids"]
    assert len(written["tokens"]) == 5
