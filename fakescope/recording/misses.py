"""What is said of a request that no recording answers: the nearest one, and field by field what differs."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from fakescope.errors import CassetteError
from fakescope.recording.counted import counted
from fakescope.recording.matching import Meaning, differences
from fakescope.recording.timelines import Library, Recording

__all__ = ["NotRecordedError", "in_words", "no_part", "no_recording", "no_task"]

_MOST_COMPARED = 2_000
_MOST_READ = 10  # of those that differ in as few fields, texts are compared, too
_MOST_SHOWN = 8
_LONGEST_SHOWN = 60  # characters of a value
_WEIGHTY = {"path": 5, "model": 3}  # another model is further away than another size
_ADVICE = "Record it, or send what was recorded; `fakescope replay --miss simulate` lets the simulator answer instead."


class NotRecordedError(CassetteError):
    """No recording answers this request. `lines` say which one is nearest and what differs."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)

    def __reduce__(self) -> tuple[type[NotRecordedError], tuple[tuple[str, ...]]]:
        return NotRecordedError, (self.lines,)


def no_recording(library: Library, sent: Meaning) -> NotRecordedError:
    """Nothing recorded means the same."""
    lines = [f"No recording answers {_asked(sent)}."]
    nearest = _nearest(library, sent)
    if nearest is None and library.names:
        what = "submission" if sent.kind == "submit" else "request of this kind"
        lines.append(f"{', '.join(library.names[:5])}: no {what} is recorded at all.")
    elif nearest is not None:
        recording, found = nearest
        lines.append(f"The nearest is exchange {recording.place + 1} of {library.names[recording.cassette]}:")
        lines += [f"  {name}: {_compared(was, now)}" for name, was, now in found[:_MOST_SHOWN]]
        if len(found) > _MOST_SHOWN:
            lines.append(f"  and {counted(len(found) - _MOST_SHOWN, 'field')} more")
    return NotRecordedError([*lines, _ADVICE])


def no_task(library: Library, task_id: str, given: Sequence[str]) -> NotRecordedError:
    """A task is asked for that neither this replay gave out nor a recording has."""
    lines = [f"No recording has the task {_short(task_id)}, and this replay gave no such id to this account."]
    if given:
        lines.append(f"It gave {', '.join(given[-3:])}{f' and {len(given) - 3} more' if len(given) > 3 else ''}.")
    elif library.by_task:
        known = ", ".join(islice(library.by_task, 3))
        lines.append(
            f"Submit first: it gave none yet. Recorded are {known}{', …' if len(library.by_task) > 3 else ''}."
        )
    return NotRecordedError([*lines, _ADVICE])


def no_part(library: Library, recording: Recording, what: str) -> NotRecordedError:
    """The task is recorded, but not that it was canceled, or not that it was polled."""
    where = f"exchange {recording.place + 1} of {library.names[recording.cassette]}"
    return NotRecordedError([f"The recording of this task ({where}) has no {what}.", _ADVICE])


def in_words(meaning: Meaning) -> str:
    """A request in a few words."""
    model = meaning.subject.get("model") if isinstance(meaning.subject, dict) else None
    given = meaning.subject.get("input") if isinstance(meaning.subject, dict) else None
    prompt = given.get("prompt") if isinstance(given, dict) else None
    words = [_short(value) for value in (model, prompt) if isinstance(value, str)]
    return f"{meaning.method} {meaning.path[:200]}{' ' if words else ''}{', '.join(words)}"


def _asked(sent: Meaning) -> str:
    model = sent.subject.get("model") if isinstance(sent.subject, dict) else None
    return f"{sent.method} {sent.path[:200]}" + (f", model {_short(model)}" if isinstance(model, str) else "")


def _nearest(library: Library, sent: Meaning) -> tuple[Recording, list[tuple[str, Any, Any]]] | None:
    """The recording that differs in the fewest fields, and of several the one whose texts are most alike."""
    compared = [
        (recording, differences(recording.meaning, sent))
        for recording in islice((r for r in library.recordings if r.meaning.kind == sent.kind), _MOST_COMPARED)
    ]
    if sent.kind == "ask":
        compared = [(recording, found) for recording, found in compared if recording.meaning.method == sent.method]
    if not compared:
        return None
    compared.sort(key=lambda pair: _weight(pair[1]))
    return max(compared[:_MOST_READ], key=lambda pair: (-_weight(pair[1]), _likeness(pair[1])))


def _weight(found: Sequence[tuple[str, Any, Any]]) -> int:
    return sum(_WEIGHTY.get(name, 1) for name, _, _ in found)


def _likeness(found: Sequence[tuple[str, Any, Any]]) -> float:
    texts = [(a, b) for _, a, b in found if isinstance(a, str) and isinstance(b, str)]
    return sum(SequenceMatcher(None, a[:500], b[:500], autojunk=False).ratio() for a, b in texts[:5])


def _compared(was: Any, now: Any) -> str:
    """Both values. Of long texts the part is shown where they part."""
    start = 0
    if isinstance(was, str) and isinstance(now, str) and max(len(was), len(now)) > _LONGEST_SHOWN:
        same = next((n for n, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
        start = max(0, same - _LONGEST_SHOWN // 2)
    return f"recorded {_short(was, start)}, sent {_short(now, start)}"


def _short(value: Any, start: int = 0) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else str(value)
    part = text[start : start + _LONGEST_SHOWN]
    shown = repr(part) if isinstance(value, str) else part
    return f"{'…' if start else ''}{shown}{'…' if start + _LONGEST_SHOWN < len(text) else ''}"
