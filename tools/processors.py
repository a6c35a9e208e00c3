"""Write the table of image processors and feature extractors.

The model types and classes are those of transformers' auto tables, the values those that a class has by
itself. A class that needs a package that is missing here stands without values. `--check` writes nothing
and fails where the table would change.
"""

from __future__ import annotations

import argparse
import enum
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tensorseed.checkpoints.processors.table import PATH

_COMPUTED = ("mel_filters", "window", "per_bin_mean", "per_bin_stddev", "mel_floor")
_PUBLISHED: dict[str, dict[str, str]] = {  # what the tables leave open, as published files have it
    "data2vec-audio": {"processor": "Wav2Vec2Processor"},
    "wav2vec2-bert": {"feature_extractor": "SeamlessM4TFeatureExtractor"},
}
_NAMES = ("image_processor_type", "feature_extractor_type", "processor_class")


def table(types: Collection[str] | None = None) -> dict[str, Any]:
    """The table; of some model types alone where they are given."""
    import transformers
    from transformers.models.auto import feature_extraction_auto, image_processing_auto, processing_auto

    images = image_processing_auto.IMAGE_PROCESSOR_MAPPING_NAMES
    sounds = feature_extraction_auto.FEATURE_EXTRACTOR_MAPPING_NAMES
    rows: dict[str, dict[str, str]] = {}
    classes: dict[str, dict[str, Any]] = {}
    for name in sorted({*images, *sounds} if types is None else types):
        row = rows[name] = {}
        if name in images:
            by_backend = images[name]
            made = by_backend.get("pil") or by_backend["torchvision"]
            row["image_processor"] = (by_backend.get("torchvision") or made).removesuffix("Pil")
            if row["image_processor"] not in classes:
                found = image_processing_auto.get_image_processor_class_from_name(made)
                classes[row["image_processor"]] = _values(found)
        if name in sounds:
            row["feature_extractor"] = _PUBLISHED.get(name, {}).get("feature_extractor") or sounds[name]
            if row["feature_extractor"] not in classes:
                classes[row["feature_extractor"]] = _values(getattr(transformers, row["feature_extractor"]))
        if name in processing_auto.PROCESSOR_MAPPING_NAMES:
            row["processor"] = processing_auto.PROCESSOR_MAPPING_NAMES[name]
        row |= _PUBLISHED.get(name, {})
    return {"classes": dict(sorted(classes.items())), "model_types": rows}


def text(document: dict[str, Any]) -> str:
    """The table as JSON, a row a line."""
    parts = []
    for name, rows in document.items():
        lines = (f"    {json.dumps(key)}: {json.dumps(row, sort_keys=True)}" for key, row in rows.items())
        parts.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _values(kind: Any) -> dict[str, Any]:
    """What an instance without arguments has; nothing where a package lacks."""
    try:
        values = kind().to_dict()
    except ImportError:
        return {}
    plain = {name: _plain(value) for name, value in values.items() if name not in (*_COMPUTED, *_NAMES)}
    return {name: value for name, value in plain.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def main() -> None:
    """Write the table, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the table would change")
    options = parser.parse_args()
    path, new = Path(str(PATH)), text(table())
    if path.exists() and path.read_text() == new:
        return
    if options.check:
        sys.exit(f"{path.name} would change: run python -m tools.processors")
    path.write_text(new)
    print(path.name)


if __name__ == "__main__":
    main()
