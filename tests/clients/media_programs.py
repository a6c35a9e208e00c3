"""Pipelines of images and sounds, all in one process."""

from __future__ import annotations

from typing import Any


def media(vit: str, clip: str, whisper: str) -> dict[str, Any]:
    """What pipelines make of an image and of a sound."""
    import numpy as np
    from PIL import Image
    from transformers import AutoProcessor, pipeline

    image = Image.fromarray(np.arange(40 * 50 * 3, dtype=np.uint8).reshape(40, 50, 3))
    sound = np.sin(np.arange(8_000, dtype=np.float32))
    long = np.sin(np.arange(40_000, dtype=np.float32))
    asr = pipeline("automatic-speech-recognition", whisper)
    processors = {name: AutoProcessor.from_pretrained(name) for name in (clip, whisper)}
    inputs = processors[clip](text=["a cat", "a dog"], images=image, return_tensors="pt", padding=True)
    return {
        "labels": pipeline("image-classification", vit)(image, top_k=10),
        "zero_shot": pipeline("zero-shot-image-classification", clip)(
            image, candidate_labels=["a cat", "a dog"]
        ),
        "processors": {name: type(processor).__name__ for name, processor in processors.items()},
        "shapes": {name: list(values.shape) for name, values in inputs.items()},
        "text": asr(sound.copy())["text"],
        "translated": asr(sound.copy(), generate_kwargs={"language": "en", "task": "translate"})["text"],
        "chunks": asr(long.copy(), return_timestamps=True)["chunks"],
        "words": asr(sound.copy(), return_timestamps="word")["chunks"],
    }


def text_to_text(repo: str, text: str) -> dict[str, Any]:
    """What a model of an encoder and a decoder writes for a text."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(repo)
    model = AutoModelForSeq2SeqLM.from_pretrained(repo)
    inputs = tokenizer(text, return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=4, min_new_tokens=4)
    return {"names": sorted(inputs), "tokens": tokens[0].tolist(), "text": tokenizer.decode(tokens[0])}
