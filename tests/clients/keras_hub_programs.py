"""Programs of KerasHub, run in a Python that has it."""

from __future__ import annotations

from typing import Any


def states(repo: str) -> dict[str, float]:
    """How far BERT's last states by KerasHub are from those by transformers, at most, and their deviation."""
    import keras_hub
    import numpy as np
    import torch
    from transformers import AutoModel

    ids = np.arange(5, 37).reshape(2, 16)
    found = keras_hub.models.BertBackbone.from_preset(f"hf://{repo}")(
        {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    )["sequence_output"]
    with torch.no_grad():
        wanted = AutoModel.from_pretrained(repo).eval()(input_ids=torch.tensor(ids)).last_hidden_state
    return {"difference": (found - wanted).abs().max().item(), "deviation": wanted.std().item()}


def ids_of(name: str, repo: str, texts: list[str]) -> dict[str, list[list[int]]]:
    """The ids of texts by a tokenizer of KerasHub, and by that of transformers."""
    import keras_hub
    from transformers import AutoTokenizer

    own = getattr(keras_hub.models, name).from_preset(f"hf://{repo}")
    others = AutoTokenizer.from_pretrained(repo)(texts, add_special_tokens=False)["input_ids"]
    return {"keras_hub": [[int(id_) for id_ in ids] for ids in own(texts)], "transformers": others}


def written(name: str, repo: str, text: str) -> str:
    """A text, and what a model of KerasHub writes after it."""
    import keras_hub

    return str(getattr(keras_hub.models, name).from_preset(f"hf://{repo}").generate(text, max_length=12))


def scores(repo: str) -> Any:
    """The shape of the scores that ViT gives to an image."""
    import keras_hub
    import numpy as np

    model = keras_hub.models.ViTImageClassifier.from_preset(f"hf://{repo}")
    return list(model.predict(np.zeros((1, 32, 32, 3), "float32"), verbose=0).shape)
