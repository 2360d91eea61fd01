"""The common families by name: thin verbs over `run` and `submit` that know where each model wants its fields.

All of them return the SUCCEEDED task, or with `wait=False` the submitted one; `parameters` that are None are left out,
and any other keyword becomes a parameter as it is. Pictures are addresses, paths or bytes. Source: the API references.
"""

from __future__ import annotations

import re
from typing import Any

from fakescope_client.core import RunOptions
from fakescope_client.files import Media, as_media
from fakescope_client.model import Task
from fakescope_client.protocol import Protocol

_LISTS_MEDIA = re.compile(r"^wan2\.[7-9]|^wan3|^happyhorse")  # input.media instead of a field for each picture
_TAKES_MESSAGES = re.compile(r"^wan2\.(6-(t2i|image)|[7-9]-image)|^qwen-image-3")
_INPUT = ("negative_prompt", "audio_url", "template", "mask_image_url")
_Pictures = Media | list[Media] | tuple[Media, ...]


class Verbs(Protocol):
    """All verbs of a client."""

    async def text_to_video(self, /, prompt: str, *, model: str = "wan2.6-t2v", **more: Any) -> Task:
        """A film from words: `size="1280*720"` (or `resolution`, `ratio`), `duration` in seconds, `negative_prompt`."""
        return await self._make(model, {"prompt": prompt}, more)

    async def image_to_video(
        self, /, image: Media, prompt: str = "", *, model: str = "wan2.6-i2v-flash", **more: Any
    ) -> Task:
        """A film that begins with a picture: `resolution="720P"`, `duration` in seconds, `audio_url`."""
        first = _media(model, [("first_frame", "img_url", image)])
        return await self._make(model, {"prompt": prompt or None, **first}, more)

    async def keyframes_to_video(
        self, /, first: Media, last: Media, prompt: str = "", *, model: str = "wan2.2-kf2v-flash", **more: Any
    ) -> Task:
        """A film from its first and its last picture: `resolution`, `negative_prompt`."""
        both = _media(model, [("first_frame", "first_frame_url", first), ("last_frame", "last_frame_url", last)])
        return await self._make(model, {"prompt": prompt or None, **both}, more)

    async def text_to_image(self, /, prompt: str, *, model: str = "wan2.5-t2i-preview", **more: Any) -> Task:
        """Pictures from words: `n` of them, `size="1280*1280"`, `negative_prompt`."""
        if _TAKES_MESSAGES.search(model):
            return await self._make(model, _message(prompt, []), more)
        return await self._make(model, {"prompt": prompt}, more)

    async def edit_image(
        self, /, images: _Pictures, prompt: str, *, model: str = "wan2.5-i2i-preview", **more: Any
    ) -> Task:
        """A picture from one or several and an instruction: `n`, `size`; for wanx2.1-imageedit `function` as well."""
        given = images if isinstance(images, list | tuple) else [images]
        pictures = [as_media(image) for image in given]
        if _TAKES_MESSAGES.search(model):
            return await self._make(model, _message(prompt, pictures), more)
        fields = {"base_image_url": pictures[0]} if "imageedit" in model else {"images": pictures}
        return await self._make(model, {"prompt": prompt, "function": more.pop("function", None), **fields}, more)

    async def _make(self, model: str, fields: dict[str, Any], more: dict[str, Any]) -> Task:
        """Sort keywords into options of the call, fields of `input`, and parameters."""
        start = self.run if more.pop("wait", True) else self.submit
        options = {name: more.pop(name) for name in RunOptions.__annotations__ if name in more}
        if "messages" not in fields:
            fields |= {name: more.pop(name) for name in _INPUT if name in more}
        fields = {name: value for name, value in fields.items() if value is not None}
        parameters = {name: value for name, value in more.items() if value is not None}
        return await start(model, fields, parameters, **options)


def _media(model: str, frames: list[tuple[str, str, Media]]) -> dict[str, Any]:
    if _LISTS_MEDIA.search(model):
        return {"media": [{"type": kind, "url": as_media(image)} for kind, _, image in frames]}
    return {field: as_media(image) for _, field, image in frames}


def _message(prompt: str, images: list[Media]) -> dict[str, Any]:
    content = [{"text": prompt}, *({"image": image} for image in images)]
    return {"messages": [{"role": "user", "content": content}]}
