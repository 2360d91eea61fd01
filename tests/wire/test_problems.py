"""Every problem of the error table, provoked over HTTP: one row per entry.

Codes and texts are written down here once more, from the vendor's pages (Model Studio error codes, and the models' own
API references) and from logs.
"""

from __future__ import annotations

import base64
import struct
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fakescope.catalog
from fakescope.catalog import Catalog

pytestmark = pytest.mark.anyio

PICTURE, FILM, SOUND = "https://h/i.png", "https://h/v.mp4", "https://h/a.mp3"
NO_ADDRESS = "ftp://h/i.png"
GIF = "data:image/gif;base64,R0lGODlh"
BOX = [0, 0, 100, 100]
MIB_5, MIB_10 = 5_242_880, 10_485_760


def png(width: int, height: int, padding: int = 0) -> str:
    """A `data:` address that begins as a PNG of this size does: signature, IHDR, 8 bits, RGB."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBB", 13, b"IHDR", width, height, 8, 2)
    return "data:image/png;base64," + base64.b64encode(head + bytes(padding)).decode()


class Problem(NamedTuple):
    """A submission with something wrong in its fields, and the vendor's text for it.

    `refused`: the vendor refuses the submission itself. `amended`: a passage of the catalogue that reads differently,
    for texts that no shipped model can be brought to say.
    """

    message: str
    model: str
    input: dict[str, Any]
    parameters: dict[str, Any] = {}  # noqa: RUF012 - read only
    code: str = "InvalidParameter"
    refused: bool = False
    amended: tuple[str, str, str] | None = None


def t2v(message: str, model: str = "wan2.6-t2v", prompt: Any = "A heron", **parameters: Any) -> Problem:
    return Problem(message, model, {"prompt": prompt}, parameters)


def i2v(message: str, img_url: str | None = PICTURE, template: str | None = None, **parameters: Any) -> Problem:
    return Problem(message, "wan2.5-i2v-preview", {"img_url": img_url, "template": template}, parameters)


def message(message: str, model: str, images: int, refused: bool = False, texts: int = 1, **parameters: Any) -> Problem:
    content = [{"text": "A heron"}] * texts + [{"image": PICTURE}] * images
    return Problem(message, model, {"messages": [{"role": "user", "content": content}]}, parameters, refused=refused)


def assets(message: str, model: str, *kinds: str, url: str = PICTURE, **parameters: Any) -> Problem:
    media = [{"type": kind, "url": url} for kind in kinds]
    return Problem(message, model, {"prompt": "A heron", "media": media}, parameters)


def with_data(family: str) -> tuple[str, str, str]:
    """The family takes pictures as `data:` addresses, which can be looked into."""
    return f"models/{family}.toml", 'schemes = ["http", "https", "oss"]', 'schemes = ["http", "https", "oss", "data"]'


EMO = {"image_url": PICTURE, "audio_url": SOUND, "face_bbox": BOX, "ext_bbox": BOX}
EMOJI = {"image_url": PICTURE, "face_bbox": BOX, "ext_bbox": BOX, "driven_id": "mengwa_kaixin"}
MOVE = {"image_url": PICTURE, "video_url": FILM}
POSTER = {"title": "Sale", "prompt_text_zh": "雪", "generate_mode": "generate"}

MISSING = "Required parameter({}) missing or invalid, please check the request parameters."
REQUEST = "The request is missing required parameters or in a wrong format, please check the parameters that you send."
RESOLUTION = (
    "The image resolution is invalid, please make sure that the largest length of image is smaller than 7000, "
    "and the smallest length of image is larger than 400."
)
FORMATS = (
    "Invalid file format，the request file format is one of the following types: MP4, AVI, MOV, MP3, WAV, AAC, JPEG, "
    "JPG, PNG, BMP, and WEBP."
)
TYPES = "'first_frame', 'last_frame', 'reference_image', 'reference_video', 'reference_audio', 'file' or 'link'"

PROBLEMS: dict[str, Problem] = {
    # the Wan models that make videos of a prompt or a picture
    "missing_or_invalid": t2v(MISSING.format("watermark"), watermark="yes"),
    "prompt_blank": t2v("prompt must contain words", prompt=" \n"),
    "image_missing": i2v("img_url must be set for image to video method", img_url=None),
    "frames_missing": t2v("video frames must be set", "wan2.2-kf2v-flash"),
    "size_choice": t2v(
        "size must be in 1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624",
        "wan2.2-t2v-plus",
        size="1*1",
    ),
    "duration_fixed": t2v("duration customization is not supported", "wan2.2-t2v-plus", duration=5),
    "duration_range": t2v("Duration should be between 2 and 15", duration=16),
    "duration_choice": t2v("duration must be in 5,10", "wan2.5-t2v-preview", duration=7),
    "resolution_choice": i2v("The resolution is not valid 4K", resolution="4K"),
    "seed_range": t2v("Range of seed should be [0, 2147483647]", seed=-1),
    "value_range": t2v("Range of n should be [1, 4]", "wan2.2-t2i-plus", n=5),
    "value_choice": t2v("shot_type must be in single,multi", shot_type="double"),
    "template_choice": i2v("The template is not valid squish", template="squish"),
    "text_too_long": Problem(
        "Range of title length should be [0, 8]",
        "wanx-background-generation-v2",
        {"base_image_url": PICTURE, "ref_prompt": "A desk", "title": "x" * 9},
    ),
    "url_invalid": i2v(
        "The provided URL does not appear to be valid. Ensure it is correctly formatted.", img_url=NO_ADDRESS
    )._replace(code="InvalidURL"),
    "data_uri_too_large": i2v(
        "Exceeded limit on max bytes per data-uri item : 10485760'", img_url=png(500, 500, MIB_10)
    ),
    "image_format": i2v("Invalid image format or corrupted file", img_url=GIF),
    "image_side": i2v("Image height or width is too small than 360", img_url=png(359, 500)),
    "image_too_large": i2v("the size of input image is too small or too large.", img_url=png(500, 2001)),
    "reference_unknown": Problem(
        "template_id does not exist or does not belong to this account.",
        "animate-anyone-gen2",
        {"image_url": PICTURE, "template_id": "AACT.nobody"},
        amended=("models/animate-anyone.toml", 'unknown = "animate_template"', 'unknown = "reference_unknown"'),
    ),
    # images
    "path_null": Problem("input.prompt should not be null", "wan2.2-t2i-plus", {}, refused=True),
    "count_range": Problem(
        "Range of images length should be [1, 3]", "wan2.5-i2i-preview", {"prompt": "A heron", "images": []}
    ),
    "size_side": t2v("Either width or height should be between 512 and 1440. ", "wan2.2-t2i-plus", size="511*1024"),
    "size_area": t2v("Total pixels must be between 589824 and 2073600.", "wan2.5-t2i-preview", size="100*100"),
    "size_not_pixels": t2v("Invalid size format", "wan2.2-t2i-plus", size="large"),
    "size_list": t2v(
        "The size does not match the allowed size 1664*928,1472*1104,1328*1328,1104*1472,928*1664.",
        "qwen-image",
        size="1*1",
    ),
    "size_list_wanx_v1": t2v(
        "The size does not match the allowed size ['1024*1024', '720*1280', '1280*720', '768*1152'].",
        "wanx-v1",
        size="1*1",
    ),
    "size_list_wanx2_0": t2v(
        "The size does not match the allowed size ['768*768', '576*1024', '1024*576', '1024*1024', '720*1280', "
        "'1280*720', '864*1152', '1152*864'].",
        "wanx2.0-t2i-turbo",
        size="1*1",
    ),
    "one_image": t2v("num_images_per_prompt must be 1", "qwen-image", n=2),
    "out_of_specification": Problem(
        "the parameters must conform to the specification: dilate_flag",
        "image-erase-completion",
        {"image_url": PICTURE, "mask_url": PICTURE},
        {"dilate_flag": "yes"},
    ),
    "input_image_download": Problem(
        "download for input_image error",
        "image-erase-completion",
        {"image_url": NO_ADDRESS, "mask_url": PICTURE},
        code="InvalidParameter.FileDownload",
    ),
    "image_unreadable": Problem(
        "read image error", "image-out-painting", {"image_url": GIF}, code="InvalidParameter.ImageFormat"
    ),
    "repaint_url": Problem(
        "The request URL is invalid, make sure the url is correct and is an image",
        "wanx-style-repaint-v1",
        {"image_url": NO_ADDRESS, "style_index": 3},
        code="InvalidURL",
    ),
    "repaint_format": Problem(
        "The input image is in invalid format",
        "wanx-style-repaint-v1",
        {"image_url": GIF, "style_index": 3},
        code="InvalidImageFormat",
    ),
    "repaint_resolution": Problem(
        "The input image resolution is too large or small",
        "wanx-style-repaint-v1",
        {"image_url": png(255, 300), "style_index": 3},
        code="InvalidImageResolution",
    ),
    "request_wrong_format": Problem(REQUEST, "shoemodel-v1", {"template_image_url": PICTURE}, refused=True),
    "image_unavailable": Problem(
        "The request URL is invalid, please check the request URL is available and the request image format is one of "
        "the following types: JPEG, JPG, PNG, BMP, and WEBP.",
        "shoemodel-v1",
        {"template_image_url": NO_ADDRESS, "shoe_image_url": [PICTURE]},
        code="InvalidURL",
    ),
    "check_input_data": Problem("check input data style", "wanx-poster-generation-v1", POSTER | {"title": "x" * 31}),
    # people: detections, and videos of them
    "portrait_request": Problem(REQUEST, "wan2.2-animate-move", {}, {"mode": "wan-std"}),
    "portrait_url": Problem(
        "Required URL is missing or invalid, please check the request URL.",
        "wan2.2-animate-move",
        MOVE | {"image_url": NO_ADDRESS},
        {"mode": "wan-std"},
        code="InvalidURL",
    ),
    "portrait_image_url": Problem(
        "The request URL is invalid, make sure the url is correct and is an image.",
        "emo-detect-v1",
        {"image_url": NO_ADDRESS},
        {"ratio": "1:1"},
        code="InvalidURL",
        refused=True,
    ),
    "portrait_parameter": Problem(
        "The request parameter is invalid, please check the request parameter.",
        "emo-detect-v1",
        {"image_url": PICTURE},
        {"ratio": "2:1"},
        refused=True,
    ),
    "portrait_resolution": Problem(
        RESOLUTION,
        "emo-detect-v1",
        {"image_url": png(399, 500)},
        {"ratio": "1:1"},
        code="InvalidFile.Resolution",
        refused=True,
        amended=with_data("emo"),
    ),
    "portrait_aspect": Problem(
        "Invalid file ratio. The file aspect ratio (height/width) must be between 2.0 and 0.5.",
        "wan2.2-animate-move",
        MOVE | {"image_url": png(200, 601)},
        {"mode": "wan-std"},
        code="InvalidFile.AspectRatio",
        amended=with_data("animate"),
    ),
    "portrait_bytes": Problem(
        "Invalid file size, The image file size must be smaller than 5MB.",
        "wan2.2-animate-move",
        MOVE | {"image_url": png(200, 200, MIB_5)},
        {"mode": "wan-std"},
        code="InvalidFile.Size",
        amended=with_data("animate"),
    ),
    "animate_video_ratio": Problem(
        "parameters.video_ratio must be 9:16 or 3:4.",
        "animate-anyone-gen2",
        {"image_url": PICTURE, "template_id": "AACT.nobody"},
        {"use_ref_img_bg": True, "video_ratio": "1:1"},
    ),
    "animate_template": Problem(
        "Invalid template content.",
        "animate-anyone-gen2",
        {"image_url": PICTURE, "template_id": "AACT.nobody"},
        code="InvalidFile.Template.Content",
    ),
    "emo_style_level": Problem("The style_level is invalid.", "emo-v1", EMO, {"style_level": "wild"}),
    "emoji_required": Problem("Field required: image_url", "emoji-detect-v1", {}, {"ratio": "1:1"}, refused=True),
    "emoji_box": Problem("Invalid ext_bbox", "emoji-v1", EMOJI | {"ext_bbox": [0, 0, 100, 200]}),
    "emoji_driven": Problem("Driven not exist: driven_id", "emoji-v1", EMOJI | {"driven_id": "nobody"}),
    "liveportrait_value": Problem(
        "The type or value of template_id is out of definition.",
        "liveportrait",
        {"image_url": PICTURE, "audio_url": SOUND},
        {"template_id": "wild"},
    ),
    "liveportrait_download": Problem(
        "Failed to download input files.",
        "liveportrait",
        {"image_url": png(500, 500, MIB_10), "audio_url": SOUND},
        amended=with_data("liveportrait"),
    ),
    "liveportrait_format": Problem(
        "Input files format not supported.",
        "liveportrait",
        {"image_url": GIF, "audio_url": SOUND},
        code="InvalidParameter.UnsupportedFileFormat",
        amended=with_data("liveportrait"),
    ),
    "liveportrait_size": Problem(
        "The size of image is beyond limit.",
        "liveportrait",
        {"image_url": png(200, 401), "audio_url": SOUND},
        code="InvalidImage.ImageSize",
        amended=with_data("liveportrait"),
    ),
    "videoretalk_field": Problem("Field required: video_url", "videoretalk", {"audio_url": SOUND}),
    "videoretalk_refused": Problem(
        "Connection to ftp://h/i.png refused, please provide avaiable URL",
        "videoretalk",
        {"video_url": NO_ADDRESS, "audio_url": SOUND},
        code="InvalidURL.ConnectionRefused",
    ),
    "videoretalk_bytes": Problem(
        "Invalid file size. The video/audio/image file size must be less than **MB.",
        "videoretalk",
        {"video_url": FILM, "audio_url": SOUND, "ref_image_url": png(500, 500, MIB_10)},
        code="InvalidFile.Size",
        amended=with_data("videoretalk"),
    ),
    "videoretalk_format": Problem(
        FORMATS,
        "videoretalk",
        {"video_url": FILM, "audio_url": SOUND, "ref_image_url": GIF},
        code="InvalidFile.Format",
        amended=with_data("videoretalk"),
    ),
    "videoretalk_resolution": Problem(
        "Invalid video resolution. The height or width of video must be 640 ~ 2048.",
        "videoretalk",
        {"video_url": png(639, 700), "audio_url": SOUND},
        code="InvalidFile.Resolution",
        amended=(
            "models/videoretalk.toml",
            'schemes = ["http", "https", "oss"], formats = ["mp4", "avi", "mov"]',
            'schemes = ["data"], formats = ["png"]',
        ),
    ),
    "videoretalk_image_size": Problem(
        "The size of image is beyond limit.",
        "videoretalk",
        {"video_url": FILM, "audio_url": SOUND, "ref_image_url": png(200, 401)},
        code="InvalidFile.ImageSize",
        amended=with_data("videoretalk"),
    ),
    # videos from videos
    "vace_input": Problem("check input data style.", "wanx2.1-vace-plus", {"prompt": "A heron"}),
    "vace_same_length": Problem(
        "ref_images_url and obj_or_bg must be the same length.",
        "wanx2.1-vace-plus",
        {"prompt": "A heron", "function": "image_reference", "ref_images_url": [PICTURE, PICTURE]},
        {"obj_or_bg": ["obj"]},
    ),
    "style_transform_value": Problem(
        "the style parm is invalid!", "video-style-transform", {"video_url": FILM}, {"style": 8}
    ),
    "style_transform_input": Problem("input json error.", "video-style-transform", {}),
    "style_transform_read": Problem("read video error.", "video-style-transform", {"video_url": NO_ADDRESS}),
    # the services that check against a schema
    "field_required": Problem("Field required: input.prompt", "wan3.0-video", {}),
    "field_choice": t2v("Input should be '720P' or '1080P'", "happyhorse-1.0-t2v", resolution="4K"),
    "field_range": t2v(
        "Input should be greater than or equal to -1 and less than or equal to 2147483647: parameters.seed",
        "wan3.0-video",
        seed=-2,
    ),
    "not_a_string": t2v("Input should be a valid string: input.prompt", "wan3.0-video", prompt=5),
    "not_a_boolean": t2v("Input should be a valid boolean: parameters.audio", "wan3.0-video", audio="yes"),
    "not_an_integer": t2v("Input should be a valid integer: parameters.duration", "wan3.0-video", duration="5"),
    "not_a_list": Problem(
        "Input should be a valid list: input.media", "wan3.0-video", {"prompt": "A heron", "media": PICTURE}
    ),
    "content_not_a_list": Problem(
        "Input should be a valid list: input.messages.0.content",
        "qwen-image-2.0",
        {"messages": [{"role": "user", "content": "A heron"}]},
        refused=True,
    ),
    "message_parts": message("lack of image or text", "qwen-image-2.0", images=1, texts=0, refused=True),
    "message_images": message("The last message must contain 0 to 9 images. Got 10 images.", "wan2.7-image", images=10),
    "message_no_images": message("The last message must not contain images. Got 1 images.", "wan2.6-t2i", images=1),
    "message_images_to_edit": message(
        "For image editing, the message must contain 1~3 image content items. Got 0 image items.",
        "qwen-image-edit",
        images=0,
        refused=True,
    ),
    "message_images_or_none": message(
        "Model 'qwen-image-2.0-2in1' supports 0~3 image content items. (0 images = T2I mode, 1~3 images = I2I mode)",
        "qwen-image-2.0",
        images=4,
        refused=True,
    ),
    "message_images_no_interleave": message(
        "When 'enable_interleave' is False, the last message must contain 1 to 4 images. Got 0 images.",
        "wan2.6-image",
        images=0,
    ),
    "size_form": message("Invalid size format", "wan2.6-t2i", images=0, size="large"),
    "total_pixels": message(
        "Total pixels (10000) must be between 589824 and 2073600.", "wan2.6-t2i", images=0, size="100*100"
    ),
    "image_area": message(
        "Image area must be between 262144 and 4194304 pixels. Got area=10000 (width=100, height=100).",
        "qwen-image-2.0",
        images=0,
        refused=True,
        size="100*100",
    ),
    "size_range": message(
        "Size 511*1024 is out of range [512*512, 1664*1664]", "qwen-image-max", images=0, refused=True, size="511*1024"
    ),
    "size_ratio": message(
        "The aspect ratio of size 400*1604 is out of range.", "wan2.6-t2i", images=0, size="400*1604"
    ),
    "size_2k": message(
        "Size 4K is not supported for t2i scenario. Maximum supported size is 2K", "wan2.7-image", images=0, size="4K"
    ),
    "asset_type": assets("Input should be 'first_frame'", "happyhorse-1.0-i2v", "last_frame"),
    "asset_type_at": assets(f"Input should be {TYPES}: input.media.1.type", "wan3.0-video", "first_frame", "noise"),
    "assets_together": assets(
        "The combination of media types is not supported: input.media", "wan2.7-i2v", "first_frame", "first_clip"
    ),
    "only_first_frame": assets("Only first frame provided is not allowed", "wan2.7-r2v", "first_frame"),
    "two_modes": assets(
        "The two modes are mutually exclusive. Do not pass reference_xx and first_frame/last_frame at the same time.",
        "wan3.0-video",
        "first_frame",
        "reference_image",
    ),
    "only_http": assets("only accept http/https", "wan3.0-video", "first_frame", url=png(500, 500)),
    "duration_2_10": assets("Duration should be between 2 and 10", "wan2.7-videoedit", "video", duration=1),
    "duration_2_30": t2v("Duration should be between 2 and 30", "wan3.0-video", duration=1),
}


def test_problems_covers_the_error_table() -> None:
    table = tomllib.loads((Path(fakescope.catalog.__file__).parent / "errors.toml").read_text("utf-8"))

    assert set(PROBLEMS) == set(table["problem"])


@pytest.fixture
def caller_for(make_caller: Any, amended_caller: Any) -> Callable[..., Any]:
    """A caller for a row: of the shipped catalogue where a model has the rule, else of one with that rule."""

    def make(row: Problem, **differs: Any) -> Any:
        chosen = {"speed": float("inf")} | differs
        return amended_caller(*row.amended, **chosen) if row.amended else make_caller(**chosen)

    return make


@pytest.fixture
def submit(catalog: Catalog) -> Callable[..., Any]:
    """Submit a row to its model's endpoint: asynchronously, unless the model answers at once."""

    async def submit(caller: Any, row: Problem) -> Any:
        spec = catalog.find(row.model)
        assert spec is not None
        body = {"model": row.model, "input": row.input, "parameters": row.parameters}
        headers = {} if spec.mode == "sync" else {"X-DashScope-Async": "enable"}
        return await caller.send("POST", spec.path, json=body, headers=headers)

    return submit


async def assert_refused(caller: Any, answer: Any, row: Problem) -> None:
    """HTTP 400 with the row's code and text, in the form of a model's service, and no task."""
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (400, row.code, row.message)
    assert list(body) == ["request_id", "code", "message"]
    assert answer.headers["content-type"] == "application/json"
    assert (await caller.list())["total"] == 0


@pytest.mark.parametrize("name", [name for name, row in PROBLEMS.items() if not row.refused])
async def test_problem_fails_the_task_with_code_and_text_inside(caller_for: Any, submit: Any, name: str) -> None:
    row = PROBLEMS[name]
    caller = caller_for(row)

    answer = await submit(caller, row)
    assert answer.status_code == 200, answer.text
    body = await caller.poll(answer.json()["output"]["task_id"])

    output = body["output"]
    assert (output["task_status"], output["code"], output["message"]) == ("FAILED", row.code, row.message)
    assert "usage" not in body
    assert "code" not in body


@pytest.mark.parametrize("name", [name for name, row in PROBLEMS.items() if row.refused])
async def test_problem_is_refused_at_submission_where_the_vendor_does(caller_for: Any, submit: Any, name: str) -> None:
    row = PROBLEMS[name]
    caller = caller_for(row)

    await assert_refused(caller, await submit(caller, row), row)


@pytest.mark.parametrize("name", PROBLEMS)
async def test_problem_with_errors_early_is_refused_at_submission(caller_for: Any, submit: Any, name: str) -> None:
    row = PROBLEMS[name]
    caller = caller_for(row, errors="early")

    await assert_refused(caller, await submit(caller, row), row)


async def test_early_problem_says_which_field_what_is_allowed_and_how_it_is_known(make_caller: Any) -> None:
    caller = make_caller(errors="early")

    seen = await caller.submit(model="wan2.2-t2v-plus", parameters={"size": "1*1"})
    read = await caller.submit(model="wan2.6-t2v", parameters={"size": "1*1"})

    assert seen.headers["x-fakescope-rule"] == "parameters.size:choice"
    assert "1632*1248" in seen.headers["x-fakescope-hint"]
    # Logs show this text for one model; for the others it is our reading.
    assert (seen.headers["x-fakescope-basis"], read.headers["x-fakescope-basis"]) == ("seen", "inferred")


async def test_problem_needs_no_slot_and_shows_within_a_second(caller: Any, clock: Any) -> None:
    task_id = await caller.accepted("")

    clock.advance(seconds=0.2)  # seen: a failed check takes about 0.1 s

    assert await caller.status(task_id) == "FAILED"


# -- models that refuse what is missing, and fail the task for what is wrong

IMAGES = "/api/v1/services/aigc/text2image/image-synthesis"


async def test_presence_refuses_what_is_missing(hasty: Any) -> None:
    """Seen for Wan text-to-image: no prompt is HTTP 400 with the field's path."""
    answer = await hasty.submit(None, model="wan2.2-t2i-plus", path=IMAGES)

    assert (answer.status_code, answer.json()["message"]) == (400, "input.prompt should not be null")


async def test_presence_refuses_what_is_missing_among_several(hasty: Any) -> None:
    """Image background generation API reference: a prompt, a reference picture, or both."""
    path = "/api/v1/services/aigc/background-generation/generation"
    answer = await hasty.submit(
        path=path, model="wanx-background-generation-v2", input={"base_image_url": "https://h/a.png"}
    )

    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == "input.ref_prompt:one_of"
    assert answer.headers["x-fakescope-hint"] == (
        "wanx-background-generation-v2: at least one of input.ref_prompt and input.ref_image_url must be given."
    )


@pytest.mark.parametrize("value", [False, 0])
async def test_presence_of_something_false_is_presence(hasty: Any, value: object) -> None:
    body = {"base_image_url": "https://h/a.png", "ref_image_url": value}

    answer = await hasty.submit(
        path="/api/v1/services/aigc/background-generation/generation", model="wanx-background-generation-v2", input=body
    )

    assert answer.status_code == 200  # its type is wrong, which only the task sees


async def test_a_rule_between_fields_says_how_it_is_known(amended_caller: Any) -> None:
    old = '{ kind = "one_of",'
    inferred = amended_caller("models/reference-to-video.toml", old, f'{old} basis = "inferred",', errors="early")

    answer = await inferred.submit("A heron", model="wan2.6-r2v")

    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == "input.reference_urls:one_of"
    assert answer.headers["x-fakescope-basis"] == "inferred"


async def test_presence_fails_the_task_for_what_is_wrong(hasty: Any) -> None:
    task_id = await hasty.accepted(model="wan2.2-t2i-plus", path=IMAGES, parameters={"n": 5})

    assert (await hasty.output(task_id))["message"] == "Range of n should be [1, 4]"


async def test_presence_is_checked_before_any_value(hasty: Any) -> None:
    body = {"model": "wanx2.1-imageedit", "input": {"prompt": "A heron", "function": "fly"}}

    answer = await hasty.submit(path="/api/v1/services/aigc/image2image/image-synthesis", **body)

    # The function is wrong as well, but only the task would see that.
    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == "input.base_image_url:missing"


async def test_presence_of_one_of_several_is_checked_before_any_value(hasty: Any) -> None:
    body = {"model": "wanx-background-generation-v2", "input": {"base_image_url": 5}}

    answer = await hasty.submit(path="/api/v1/services/aigc/background-generation/generation/", **body)

    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == "input.ref_prompt:one_of"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('{"model":"wan2.6-t2v","input":{"prompt":%s}}', "input.prompt:type"),
        ('{"model":"wan2.6-t2v","input":%s}', "input_not_object"),
        ('{"model":"wan2.6-t2v","input":{},"parameters":%s}', "parameters_not_object"),
        ('{"model":%s}', "model_missing"),
        ('{"model":"wan3.0-video","input":{"media":%s}}', "input.media:type"),
    ],
    ids=["prompt", "input", "parameters", "model", "media"],
)
async def test_deeply_nested_value_is_an_ordinary_mistake(make_caller: Any, body: str, rule: str) -> None:
    content = (body % ("[" * 1000 + "]" * 1000)).encode()
    path, headers = "/api/v1/services/aigc/video-generation/video-synthesis", {"X-DashScope-Async": "enable"}

    answer = await make_caller(errors="early").send("POST", path, content=content, headers=headers)

    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == rule
