"""Special tokens of Whisper: start, languages, tasks, and timestamps.

The order is that of OpenAI's tokenizer: the start, a token for each language, six of tasks, and timestamps of
0 to 30 seconds. In published sizes the ids are those of the published vocabularies.
"""

from __future__ import annotations

from tensorseed.checkpoints.tokenizers.special_tokens import SpecialTokens

TIMESTAMPS = 1_501
STEP = 0.02  # seconds between two timestamps

TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
_CODES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr "
    "bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn "
    "yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su "
    "yue"
)
LANGUAGES = _CODES.split()


def add_whisper_tokens(found: SpecialTokens) -> dict[int, str]:
    """Add the special tokens, and return the timestamps by id. A small vocabulary has fewer of each."""
    size = found.size
    count = TIMESTAMPS if size > 2 * TIMESTAMPS else max(0, (size - 288) // 2)
    first = size - count - len(TASKS)
    room = first - 1 - found.roles.get("decoder_start", 0)
    spoken = LANGUAGES[:room] if 0 < room <= len(LANGUAGES) else LANGUAGES[:1]
    names = [f"<|{name}|>" for name in (*spoken, *TASKS)]
    for place, name in enumerate(names, first - len(spoken)):
        found.add(place, name)
    return {size - count + place: f"<|{place * STEP:.2f}|>" for place in range(count)}
