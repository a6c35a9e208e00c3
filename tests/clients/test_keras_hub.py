"""KerasHub: its models from the published ids of repositories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.clients import Python
from tests.clients.conftest import PUBLISHED_BERT, read
from tests.clients.stack import installed
from tests.clients.wire import Wire

TEXTS = ["Ab c", "some text, here! 12"]
ENDS = {"vocab.txt", "vocab.json", "merges.txt"}


@pytest.fixture(scope="module")
def keras_hub(passing: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """A process that has KerasHub, with torch behind Keras."""
    client = Python(installed(), passing.url, tmp_path_factory.mktemp("home"), KERAS_BACKEND="torch")
    yield client
    client.close()


def test_bert_as_published_has_the_states_that_transformers_has(keras_hub: Python) -> None:
    found = keras_hub("keras_hub_programs:states", PUBLISHED_BERT)
    assert found["deviation"] == pytest.approx(1.0, abs=0.01)
    assert found["difference"] < 1e-5


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        ("BertTokenizer", PUBLISHED_BERT),
        ("GPT2Tokenizer", "tensorseed/tiny-gpt2"),
        ("RobertaTokenizer", "tensorseed/tiny-roberta"),
    ],
)
def test_a_tokenizer_gives_the_same_ids(name: str, repo: str, keras_hub: Python, wire: Wire) -> None:
    found = keras_hub("keras_hub_programs:ids_of", name, repo, TEXTS)
    assert found["keras_hub"] == found["transformers"]
    assert ENDS & {seen.path.rpartition("/")[2] for seen in wire.requests}


@pytest.mark.parametrize(
    ("name", "repo"), [("GPT2CausalLM", "gpt2"), ("Qwen3CausalLM", "qwen3"), ("MistralCausalLM", "mistral")]
)
def test_a_causal_model_goes_on_with_a_text(name: str, repo: str, keras_hub: Python) -> None:
    assert keras_hub("keras_hub_programs:written", name, f"tensorseed/tiny-{repo}", "hello").startswith(
        "hello"
    )


def test_an_image_has_as_many_scores_as_labels(keras_hub: Python) -> None:
    assert keras_hub("keras_hub_programs:scores", "tensorseed/tiny-vit") == [1, 10]


def test_published_bert_has_the_names_that_its_converter_reads(port: int) -> None:
    """Those of huggingface/candle#1887, a listing of the file; KerasHub's convert_bert.py reads the same."""
    for repo, layers in (("bert-base-uncased", 12), ("google-bert/bert-large-uncased", 24)):
        answer = read(port, f"/{repo}/resolve/main/model.safetensors", Range="bytes=8-99999")
        names = answer.body.decode(errors="replace")
        norms = ["bert.embeddings", "cls.predictions.transform"]
        for layer in range(layers):
            norms += [f"bert.encoder.layer.{layer}.{part}output" for part in ("", "attention.")]
        assert all(f'"{norm}.LayerNorm.{end}"' in names for norm in norms for end in ("gamma", "beta"))
        assert "LayerNorm.weight" not in names
        assert "LayerNorm.bias" not in names
