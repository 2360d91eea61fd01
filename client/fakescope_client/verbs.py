"""Every verb of a client, written once: coroutines over the steps of a driver, that know no socket and no loop.

Three promises: a submission is never repeated unless it certainly did not arrive; a task's id, once known, is in every
error and every interruption; and no task is given up for a failure that passes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import partial
from heapq import heappop, heappush
from math import inf
from typing import Any, Unpack
from urllib.parse import quote

from fakescope_client.core import Fields, RunOptions, Trouble, WaitOptions, check, log
from fakescope_client.errors import DashScopeError, TaskTimeoutError, ThrottledError, TransportError
from fakescope_client.files import Media, as_media
from fakescope_client.model import Task, TaskStatus
from fakescope_client.routes import at_once_path, task_path
from fakescope_client.submitting import Submitting, note

_LISTS_MEDIA = r"^wan2\.[7-9]|^wan3|^happyhorse"  # input.media instead of a field for each picture
_TAKES_MESSAGES = r"^wan2\.(6-(t2i|image)|[7-9]-image)|^qwen-image-(\d|max|edit)|^z-image"
_INPUT = ("function", "negative_prompt", "audio_url", "template", "mask_image_url")
Found = AsyncGenerator[Task, None]


class Verbs(Submitting):
    """The verbs of a client."""

    async def run(
        self, model: str, input: Fields, parameters: Fields | None = None, **options: Unpack[RunOptions]
    ) -> Task:
        """Submit and wait: the SUCCEEDED task. Options and errors are those of `submit` and of `wait`.

        `timeout` counts from here. `on_poll` is called with the submitted task, too, so that its id can be kept. A
        model that answers at once is asked as by `detect`: there is no task to wait for.
        """
        check(options, RunOptions)
        timeout, on_poll, task = _timeout(options), options.get("on_poll") or (lambda _: None), None
        rest: Any = {name: value for name, value in options.items() if name not in WaitOptions.__annotations__}
        rest["patience"], until = min(options.get("patience", inf), timeout), self._clock() + timeout
        if not (options.get("path") or task_path(model)):
            return await self.detect(model, input, parameters, patience=rest["patience"])
        try:
            task = await self.submit(model, input, parameters, **rest)
            on_poll(task)
            return await self.wait(task, timeout=max(0.0, until - self._clock()), on_poll=on_poll)
        except BaseException as stop:
            if task is not None:
                note(stop, task.id)
            await self._interrupted(stop, options)
            raise

    async def fetch(self, task: Task | str) -> Task:
        """The task as it stands, whatever its status. Raises DashScopeError, with `task_id`, if there is no answer.

        Source: Manage asynchronous tasks, Query.
        """
        return await self._patiently("a query", partial(self._poll, *_named(task)), "query")

    async def wait(self, task: Task | str, **options: Unpack[WaitOptions]) -> Task:
        """Poll until the task has SUCCEEDED, and return it: at once, every 3 s for 30 s, then up to every 15 s.

        `timeout` is in seconds, 3,600 if not given, None for as long as it takes; `on_poll` is called (not awaited)
        with the task after every poll that was answered. Failures that pass are logged and borne. Ctrl-C and
        cancellation carry `task_id`, and with `cancel_on_interrupt` the task is canceled if it is still PENDING. Raises
        TaskFailedError, TaskUnknownError, TaskTimeoutError, or a DashScopeError with `task_id` if polls are refused or
        unanswered for too long.
        """
        (ended,) = [ended async for ended in self.wait_many([task], **options)]
        return ended.raise_for_status()

    resume = wait
    """Take up a task again that another call, or another program, has submitted."""

    async def wait_many(self, tasks: Iterable[Task | str], **options: Unpack[WaitOptions]) -> Found:
        """Each task as it ends, FAILED, CANCELED and UNKNOWN ones too: nothing is raised for those.

        All are polled in turn, whoever is due longest first, together at most 20 times a second; options are those of
        `wait`. Raises TaskTimeoutError for those that are left, its `task_ids`, and a DashScopeError with `task_id` if
        polls are refused or unanswered for too long. Source: Manage asynchronous tasks, Limits.
        """
        check(options, WaitOptions)
        began, timeout, on_poll = self._clock(), _timeout(options), options.get("on_poll") or (lambda _: None)
        deadline, trouble = began + timeout, Trouble(self, "polling")
        left = {_named(task)[0]: task for task in tasks}
        due = [(began, n, *_named(task)) for n, task in enumerate(left.values())]
        self._known.extend(left)
        try:
            while due:
                at, n, task_id, model = heappop(due)
                await self._pause(min(at, deadline) - self._clock())
                await self._turn("query")
                try:
                    seen = await self._poll(task_id, model, min(30.0, max(1.0, deadline - self._clock())))
                except DashScopeError as error:
                    await trouble.bear(error, deadline)
                    at = self._clock()
                else:
                    trouble.failures = 0
                    left[task_id] = seen
                    on_poll(seen)
                    if seen.status.is_terminal:
                        del left[task_id]
                        yield seen
                        continue
                    at = self._clock() + self._rhythm_s(self._clock() - began)
                heappush(due, (at, n, task_id, model))
                if self._clock() >= deadline:
                    known = tuple(task for task in left.values() if isinstance(task, Task))
                    said = f"not ended within {timeout:g} s; what goes on can be waited for again"
                    raise TaskTimeoutError(said, task_id=", ".join(left), task_ids=tuple(left), tasks=known)
        except BaseException as stop:
            note(stop, *left)
            await self._interrupted(stop, options)
            raise

    async def cancel(self, task: Task | str) -> bool:
        """Cancel a task that is PENDING. True: it is CANCELED and costs nothing; False: too late for that.

        Raises DashScopeError, with `task_id`, if there is no answer. Source: Manage asynchronous tasks, Cancel.
        """
        task_id = _named(task)[0]

        async def attempt() -> bool:
            try:
                await self._cancel(task_id)
            except DashScopeError as error:
                error.task_id = task_id
                if error.code != "UnsupportedOperation":
                    raise
                # Too late, or done by an attempt whose answer was lost.
                return (await self.fetch(task_id)).status is TaskStatus.CANCELED
            return True

        return await self._patiently(f"canceling task {task_id}", attempt, "cancel")

    async def detect(
        self, model: str, input: Fields, parameters: Fields | None = None, *, path: str = "", patience: float = inf
    ) -> Task:
        """Ask a model that answers at once, a detection or pictures from a message: a SUCCEEDED task without an id.

        Repeated only if it was throttled or never left: what was lost may have been charged, and is in no list. `path`
        follows `/services/`; without it the model's name decides. Raises DashScopeError, OSError for a file. Source:
        API references of the detection models and of multimodal generation.
        """
        given = {"input": input, "parameters": parameters or {}}
        send = await self._service(model, path or at_once_path(model), given, within_s=300.0)

        async def attempt() -> Task:
            try:
                return Task.parse(self._read(await send()), model)
            except DashScopeError as error:
                error.retryable = isinstance(error, ThrottledError) or getattr(error, "unsent", False)
                raise

        return await self._patiently(f"asking {model}", attempt, patience=patience)

    # The common families by name. Each returns the SUCCEEDED task, or with `wait=False` the submitted one. Fields go
    # where the model wants them; any other keyword is an option of `run`, or becomes a parameter as it is; None is left
    # out. Pictures are addresses, paths or bytes. Source: the models' API references.

    async def text_to_video(self, /, prompt: str, *, model: str = "wan2.6-t2v", **more: Any) -> Task:
        """A film from words: `size="1280*720"` (or `resolution`, `ratio`), `duration` in seconds, `negative_prompt`.

        `wait=False` only submits; other keywords are options of `run` or parameters; errors are those of `run`. Source:
        Wan text-to-video API reference.
        """
        return await self._make(model, prompt, {}, more)

    async def image_to_video(
        self, /, image: Media, prompt: str = "", *, model: str = "wan2.6-i2v-flash", **more: Any
    ) -> Task:
        """A film that begins with a picture: `resolution="720P"`, `duration` in seconds, `audio_url`.

        A picture is an address, a path or bytes; the rest as in `text_to_video`, and FileNotFoundError. Source: Wan
        image-to-video API reference, first frame.
        """
        return await self._make(model, prompt or None, _media(model, [("first_frame", "img_url", image)]), more)

    async def keyframes_to_video(
        self, /, first: Media, last: Media, prompt: str = "", *, model: str = "wan2.2-kf2v-flash", **more: Any
    ) -> Task:
        """A film from its first and its last picture: `resolution`, `negative_prompt`; the rest as in `image_to_video`.

        Source: Wan image-to-video API reference, first and last frame.
        """
        both = _media(model, [("first_frame", "first_frame_url", first), ("last_frame", "last_frame_url", last)])
        return await self._make(model, prompt or None, both, more)

    async def text_to_image(self, /, prompt: str, *, model: str = "wan2.5-t2i-preview", **more: Any) -> Task:
        """Pictures from words: `n` of them, `size="1280*1280"` in pixels, `negative_prompt`.

        The rest as in `text_to_video`. Source: Wan text-to-image API reference.
        """
        return await self._make(model, prompt, {}, more)

    async def edit_image(
        self, /, images: Media | Sequence[Media], prompt: str, *, model: str = "wan2.5-i2i-preview", **more: Any
    ) -> Task:
        """A picture from one or several and an instruction: `n`, `size`; for wanx2.1-imageedit `function` as well.

        The rest as in `image_to_video`. Source: Wan image editing API references.
        """
        several = images if isinstance(images, Sequence) and not isinstance(images, str | bytes) else [images]
        media = [as_media(image) for image in several]
        fields = {"base_image_url": media[0]} if "imageedit" in model and len(media) == 1 else {"images": media}
        return await self._make(model, prompt, fields, more)

    async def _make(self, model: str, prompt: str | None, fields: dict[str, Any], more: dict[str, Any]) -> Task:
        """Sort keywords into options of the call, fields of `input`, and parameters."""
        start = self.run if more.pop("wait", True) else self.submit
        options = {name: more.pop(name) for name in RunOptions.__annotations__ if name in more}
        if not re.search(_TAKES_MESSAGES, model):
            fields |= {name: more.pop(name) for name in _INPUT if name in more}
        parameters = {name: value for name, value in more.items() if value is not None}
        return await start(model, as_input(model, {"prompt": prompt, **fields}), parameters, **options)

    def _rhythm_s(self, waited_s: float) -> float:
        """Every 3 s for the first 30 s, then a sixth of the time waited so far, up to 15 s; each up to 10 % longer.

        Source: Wan image generation guide, "every 3 seconds for the first 30 seconds, then at longer intervals"; Wan
        video references, "such as 15 seconds".
        """
        return (3.0 if waited_s < 30.0 else min(waited_s / 6, 15.0)) * self._jitter(1.0, 1.1)

    async def _poll(self, task_id: str, model: str, within_s: float = 30.0) -> Task:
        try:
            body = self._read(await self._call("GET", f"tasks/{quote(task_id, safe='')}", within_s=within_s))
            task = Task.parse(body, model)
            if task.id != task_id or not task.status:
                raise TransportError(f"another task, or none, in the answer: {', '.join(body):.200}", http_status=200)
        except DashScopeError as error:
            error.task_id = task_id
            raise
        if task.failures:
            log.warning("task %s: results that failed: %s", task_id, "; ".join(task.failures))
        return task

    async def _cancel(self, task_id: str, within_s: float = 30.0) -> None:
        """Source: Manage asynchronous tasks, Cancel: success is a `request_id` and nothing else."""
        path = f"tasks/{quote(task_id, safe='')}/cancel"
        if "request_id" not in self._read(await self._call("POST", path, content=b"", within_s=within_s)):
            raise TransportError("a cancellation was answered with something else", http_status=200)

    async def _interrupted(self, stop: BaseException, options: WaitOptions) -> None:
        """If that is wanted: one quick attempt to cancel the tasks that an interruption names."""
        if isinstance(stop, Exception | GeneratorExit) or not options.get("cancel_on_interrupt"):
            return
        within_s = 5.0
        for task_id in (task_ids := vars(stop).get("task_ids", ())):
            try:
                await self._turn("cancel")
                await self._cancel(task_id, within_s)
                stop.add_note(f"Task {task_id} was canceled.")
            except DashScopeError as error:
                stop.add_note(f"Task {task_id} was not canceled: {error}")
                # A server that is gone holds nobody up for long, however many the tasks.
                within_s /= 2 if isinstance(error, TransportError) else 1
            except BaseException as again:  # twice Ctrl-C
                note(again, *task_ids)
                raise


def as_input(model: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are not None, with `prompt` and `images` as a message if the model wants one."""
    fields = {name: value for name, value in fields.items() if value is not None}
    if "prompt" not in fields or not re.search(_TAKES_MESSAGES, model):
        return fields
    prompt, images = fields.pop("prompt"), fields.pop("images", [])
    content = [{"text": prompt}, *({"image": image} for image in (images if isinstance(images, list) else [images]))]
    return {"messages": [{"role": "user", "content": content}], **fields}


def _timeout(options: WaitOptions) -> float:
    return inf if (given := options.get("timeout", 3600.0)) is None else given


def _named(task: Task | str) -> tuple[str, str]:
    """Its id, and its model if known."""
    task_id, model = (task.id, task.model) if isinstance(task, Task) else (task, "")
    if not task_id:
        raise ValueError("an empty task id")
    return task_id, model


def _media(model: str, frames: list[tuple[str, str, Media]]) -> dict[str, Any]:
    if re.search(_LISTS_MEDIA, model):
        return {"media": [{"type": kind, "url": as_media(image)} for kind, _, image in frames]}
    return {field: as_media(image) for _, field, image in frames}
