"""Model card: front matter, numbers and commands."""

from __future__ import annotations

import re

import pytest
import yaml

from tensorseed.checkpoints.model_facts import architecture, card_data
from tests.tensorseed.checkpoints.recipes import document, recipe, repository, tensor


def card(revision: str = "main", **changes: object) -> str:
    text = repository(**changes).snapshot(revision).file("README.md").text  # type: ignore[arg-type]
    assert text is not None
    return text.decode()


def rows(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE))


def test_the_front_matter() -> None:
    text = card()
    matter = yaml.safe_load(text.split("---\n")[1])
    assert matter == card_data(recipe())


def test_it_tells_what_decides_the_bytes() -> None:
    snapshot = repository().snapshot("seed=42,dtype=float16")
    told = rows((snapshot.file("README.md").text or b"").decode())
    assert told["revision"] == "`seed-42,dtype=float16`"
    assert told["commit"] == f"`{snapshot.commit}`"
    assert (told["seed"], told["dtype"]) == ("42", "float16")
    assert told["parameters"] == f"{snapshot.total:,}"
    assert told["tensors"] == "27"
    assert told["files of weights"] == "1"


def test_the_size_is_that_of_the_tensors() -> None:
    assert rows(card(weights={"layers": [tensor("w", [3])]}))["size"] == "12 bytes"
    assert rows(card(weights={"layers": [tensor("w", [375_000_000])]}))["size"] == (
        "1.5 GB (1,500,000,000 bytes)"
    )


def test_it_tells_how_to_regenerate_it() -> None:
    snapshot = repository().snapshot("seed-42")
    text = (snapshot.file("README.md").text or b"").decode()
    assert "hf download tests/small --revision seed-42\n" in text
    assert f"hf download tests/small --revision {snapshot.commit}\n" in text


@pytest.mark.parametrize(("revision", "other"), [("main", "float32"), ("seed-1,dtype=float16", "bfloat16")])
def test_it_tells_another_dtype_than_its_own(revision: str, other: str) -> None:
    assert f"`seed-42,dtype={other}` for another dtype" in card(revision)


def test_it_tells_how_to_load_it_and_where_from() -> None:
    told, code = card("seed-42").split("## How to load it")[1].split("```python")
    assert "`HF_ENDPOINT`" in told
    assert 'LlamaForCausalLM.from_pretrained("tests/small", revision="seed-42")' in code


def test_it_tells_the_inits() -> None:
    text = card()
    assert '| `{"kind":"normal","std":0.02}` | 5 | 2,048 |' in text
    assert '| `"xavier_uniform"` | 16 | 8,192 |' in text


def test_many_inits_are_told_together() -> None:
    layers = [tensor(f"w{n}", [4], {"kind": "constant", "value": n + 1}) for n in range(30)]
    assert "| 14 others | 14 | 56 |" in card(weights={"layers": layers})


def test_no_host_nor_time_is_in_it() -> None:
    assert card() == card()
    assert "http" not in card()


def test_it_begins_with_the_description_if_there_is_one() -> None:
    assert "# tests/small\n\nSmall.\n\nThese weights are random" in card()
    assert "# tests/small\n\nThese weights are random" in card(description="  ")


@pytest.mark.parametrize("named", [None, [], "X", [1], ["import os"], ["a b"]])
def test_without_an_architecture_it_is_auto(named: object) -> None:
    config = {**document()["config"], "architectures": named}
    assert architecture(recipe(config=config)) is None
    assert 'AutoModel.from_pretrained("tests/small"' in card(config=config)


def test_it_says_what_the_tokenizer_holds() -> None:
    assert "## Tokenizer" not in card(config={"model_type": "vit"})
    text = card(config={"model_type": "llama", "vocab_size": 1_000})
    assert "1,000 ids for `PreTrainedTokenizerFast`: special tokens, one for each of the 256 bytes" in text
    assert "`<extra_999>`" in text
    speech = card(config={"model_type": "wav2vec2", "vocab_size": 32})
    assert "32 ids for `Wav2Vec2CTCTokenizer`: special tokens, characters" in speech
