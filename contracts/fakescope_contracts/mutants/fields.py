"""Wrong readings of a request's fields: what is taken, refused, cut and filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakescope_contracts.mutants.wrapping import Answer, Call, mutant


async def _read(call: Call, where: str, name: str, read: Callable[[Any], Any]) -> Answer:
    """Hand in what is read of a field, where it is given."""
    body = call.json
    if call.kind == "submit" and isinstance(body.get(where), dict) and name in body[where]:
        body[where][name] = read(body[where][name])
        return await call.with_json(body).forward()
    return await call.forward()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@mutant("submissions.boundaries")
async def duration_one_over_is_taken(call: Call) -> Answer:
    """A duration of 16 seconds is taken as 15."""
    return await _read(call, "parameters", "duration", lambda given: 15 if given == 16 else given)


@mutant("submissions.boundaries")
async def longest_duration_is_refused(call: Call) -> Answer:
    """A duration of 15 seconds is too long."""
    return await _read(call, "parameters", "duration", lambda given: 99 if given == 15 else given)


@mutant("submissions.boundaries")
async def shortest_duration_is_refused(call: Call) -> Answer:
    """A duration of 2 seconds is too short."""
    return await _read(call, "parameters", "duration", lambda given: -9 if given == 2 else given)


@mutant("submissions.boundaries")
async def negative_seed_is_taken(call: Call) -> Answer:
    """A seed of -1 leaves the choice to the service."""
    return await _read(call, "parameters", "seed", lambda given: 0 if given == -1 else given)


@mutant("submissions.boundaries")
async def largest_seed_is_refused(call: Call) -> Answer:
    """The largest seed is too large."""
    return await _read(call, "parameters", "seed", lambda given: given + 1 if given == 2**31 - 1 else given)


@mutant("submissions.boundaries")
async def five_pictures_are_taken(call: Call) -> Answer:
    """Five pictures may be asked for, where four are the most."""
    return await _read(call, "parameters", "n", lambda given: 4 if given == 5 else given)


@mutant("submissions.boundaries")
async def long_texts_are_refused(call: Call) -> Answer:
    """A prompt that is too long is refused instead of cut."""
    return await _read(
        call, "input", "prompt", lambda given: "" if isinstance(given, str) and len(given) > 1500 else given
    )


@mutant("submissions.boundaries")
async def longest_text_is_refused(call: Call) -> Answer:
    """A prompt that is just as long as it may be is refused."""
    return await _read(
        call, "input", "prompt", lambda given: "" if isinstance(given, str) and len(given) == 1500 else given
    )


@mutant("submissions.boundaries")
async def numbers_as_text_are_taken(call: Call) -> Answer:
    """A number in quotes is taken as a number."""
    return await _read(
        call,
        "parameters",
        "duration",
        lambda given: int(given) if isinstance(given, str) and given.isdigit() else given,
    )


@mutant("submissions.boundaries")
async def switches_as_numbers_are_taken(call: Call) -> Answer:
    """0 and 1 are taken as false and true."""
    return await _read(
        call, "parameters", "watermark", lambda given: bool(given) if _is_number(given) and given in (0, 1) else given
    )


@mutant("submissions.boundaries")
async def any_choice_is_taken(call: Call) -> Answer:
    """A word that is not among the choices is taken for the first of them."""
    return await _read(
        call, "parameters", "shot_type", lambda given: given if given in ("single", "multi") else "single"
    )


@mutant("submissions.boundaries")
async def any_size_is_taken(call: Call) -> Answer:
    """A size that is not on the list is taken for one that is."""
    sizes = ("1280*720", "720*1280", "960*960", "1088*832", "832*1088")
    large = ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632")
    return await _read(
        call, "parameters", "size", lambda given: given if given in sizes + large or given is None else "1280*720"
    )


@mutant("submissions.boundaries")
async def size_with_an_x_is_taken(call: Call) -> Answer:
    """A size is taken with an x, too."""
    return await _read(
        call, "parameters", "size", lambda given: given.replace("x", "*") if isinstance(given, str) else given
    )


@mutant("submissions.boundaries")
async def missing_prompt_is_taken(call: Call) -> Answer:
    """A submission without a prompt makes a film all the same."""
    body = call.json
    if call.kind == "submit" and isinstance(body.get("input"), dict) and not body["input"].get("prompt"):
        body["input"]["prompt"] = "Anything"
        return await call.with_json(body).forward()
    return await call.forward()


@mutant("submissions.null")
async def null_is_refused(call: Call) -> Answer:
    """null for a field that may be left out is wrong."""
    return await _read(call, "parameters", "seed", lambda given: "null" if given is None else given)


@mutant("submissions.boundaries")
async def any_address_is_taken(call: Call) -> Answer:
    """What is not an address is taken for one."""
    return await _read(
        call, "input", "audio_url", lambda given: "https://example.com/a.mp3" if isinstance(given, str) else given
    )


@mutant("tasks.usage")
async def default_size_is_another(call: Call) -> Answer:
    """The size that is taken when none is given is 1280*720."""
    body = call.json
    if call.kind == "submit" and isinstance(body.get("parameters", {}), dict):
        body.setdefault("parameters", {}).setdefault("size", "1280*720")
        return await call.with_json(body).forward()
    return await call.forward()


@mutant("tasks.usage")
async def default_duration_is_another(call: Call) -> Answer:
    """The duration that is taken when none is given is 10 seconds."""
    body = call.json
    if call.kind == "submit" and isinstance(body.get("parameters", {}), dict):
        body.setdefault("parameters", {}).setdefault("duration", 10)
        return await call.with_json(body).forward()
    return await call.forward()


@mutant("submissions.where")
async def wrong_fields_are_refused_at_once(call: Call) -> Answer:
    """A wrong field is 400 where the service makes a task that fails."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word and call.json["model"].startswith("wan2.6-t2v"):
        duration = (call.json.get("parameters") or {}).get("duration", 5)
        if not (_is_number(duration) and 2 <= duration <= 15):
            answer.status = 400
            answer.body = b'{"code":"InvalidParameter","message":"duration","request_id":"%d"}' % answer.now_ms
    return answer


@mutant("submissions.boundaries")
async def texts_are_counted_in_bytes(call: Call) -> Answer:
    """The length of a text is that of its UTF-8 bytes."""

    def too_long(given: Any) -> Any:
        return 5 if isinstance(given, str) and len(given.encode()) > 500 >= len(given) else given

    return await _read(call, "input", "negative_prompt", too_long)


@mutant("submissions.boundaries")
async def whole_numbers_with_a_point_are_refused(call: Call) -> Answer:
    """A duration of 5.0 is no whole number."""
    return await _read(call, "parameters", "duration", lambda given: "5.0" if isinstance(given, float) else given)


@mutant("submissions.unicode")
async def prompts_are_stripped(call: Call) -> Answer:
    """A prompt loses its blanks at both ends before it is shown."""

    def stripped(given: Any) -> Any:
        return (given.strip() or given) if isinstance(given, str) else given

    return await _read(call, "input", "prompt", stripped)


@mutant("submissions.accepted")
async def parameters_are_needed(call: Call) -> Answer:
    """A submission without parameters is refused."""
    if call.kind == "submit" and call.json and "parameters" not in call.json:
        return await call.with_json(call.json | {"parameters": []}).forward()
    return await call.forward()
