"""Marks in a request that order how its task ends, over HTTP. Codes and texts: Model Studio error codes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import fakescope.catalog

pytestmark = pytest.mark.anyio

DETECTION = "/api/v1/services/aigc/image2video/face-detect"
NO_HUMAN = "The input image has no human body. Please upload other image with single person."
FAILURES = {
    "DataInspectionFailed": "Input data may contain inappropriate content.",
    "IPInfringementSuspect": "Input data is suspected of being involved in IP infringement.",
    "InternalError": "An internal error has occured, please try again later or contact service support.",
    "InternalError.Algo": (
        "An internal error has occured during execution, please try again later or contact service support."
    ),
    "InternalError.Timeout": (
        "An internal timeout error has occured during execution, please try again later or contact service support."
    ),
    "InvalidParameter": "Required parameter(s) missing or invalid, please check the request parameters.",
    "InvalidParameter.DataInspection": "Unable to download the media resource during the data inspection process.",
    "InvalidParameter.FileDownload": "download for input_image error",
    "InvalidParameter.UnsupportedFileFormat": "Input files format not supported.",
    "InvalidURL": "Required URL is missing or invalid, please check the request URL.",
    "InvalidURL.ConnectionRefused": "Connection to ${url} refused, please provide avaiable URL",
    "InvalidURL.Timeout": "Download ${url} timeout, please check network connection.",
    "InvalidFile.AspectRatio": (
        "Invalid file ratio. The file aspect ratio (height/width) must be between 2.0 and 0.5."
    ),
    "InvalidFile.BodyPose": (
        "The pose of the detected person is invalid, please upload other image with whole body and expected "
        "orientation."
    ),
    "InvalidFile.BodyProportion": (
        "The proportion of the detected person in the picture is too large or too small, please upload other image."
    ),
    "InvalidFile.Content": (
        "The input image has no human body or multi human bodies. Please upload other image with single person."
    ),
    "InvalidFile.Duration": "Invalid file duration. The video/audio file duration must be 2s ~ 120s.",
    "InvalidFile.FPS": "Invalid video FPS. The video FPS must be 15 ~ 60.",
    "InvalidFile.FaceNotMatch": "There are no matched face in the video with the provided reference image.",
    "InvalidFile.FacePose": (
        "The pose of the detected face is invalid, please upload other image with whole face and expected orientation."
    ),
    "InvalidFile.Format": (
        "Invalid file format，the request file format is one of the following types: MP4, AVI, MOV, MP3, WAV, AAC, "
        "JPEG, JPG, PNG, BMP, and WEBP."
    ),
    "InvalidFile.FrontBody": (
        "The pose of the detected person is invalid, please upload other image with the front view."
    ),
    "InvalidFile.FullBody": (
        "The human is not fullbody in the first frame of input video. Please choose another clip."
    ),
    "InvalidFile.FullFace": ("The pose of the detected face is invalid, please upload other image with whole face."),
    "InvalidFile.ImageSize": "The size of image is beyond limit.",
    "InvalidFile.MultiHuman": ("The input image has multi human bodies. Please upload other image with single person."),
    "InvalidFile.NoHuman": NO_HUMAN,
    "InvalidFile.Openerror": "Invalid file, cannot open file as video/audio/image.",
    "InvalidFile.Resolution": (
        "The image resolution is invalid, please make sure that the largest length of image is smaller than 7000, "
        "and the smallest length of image is larger than 400."
    ),
    "InvalidFile.Size": "Invalid file size. The video/audio/image file size must be less than **MB.",
    "InvalidFile.Template.Content": "Invalid template content.",
    "InvalidFile.Value": "The value of the image is invalid, please upload other clearer image.",
    "InvalidImage.NoHumanFace": "No human face detected.",
    "InvalidImageResolution": "The input image resolution is too large or small",
    "BadRequest.UnsupportedFileFormat": (
        "Base image require RGBA format, but is RGB, modes concept see "
        "https://pillow.readthedocs.io/en/stable/handbook/concepts.html#concept-modes"
    ),
    "DataInspectionFailed.Either": "Input or output data may contain inappropriate content.",
    "DataInspectionFailed.Output": "Output data may contain inappropriate content.",
    "DataInspectionFailed.Text": "Input text data may contain inappropriate content.",
    "DataInspectionFailed.GreenNet": "Green net check failed for text (input)",
    "DataInspectionFailed.GreenNetOutput": "Green net check rejected image (output)",
    "CustomRoleBlocked": "Input or output data may contain inappropriate content with custom rule.",
    "FaqRuleBlocked": "Input or output data is blocked by faq rule.",
    "InternalError.Download": "OSS download error.",
    "InternalError.Server": "Internal server error!",
    "InternalError.Algo.Inference": "inference internal error.",
    "InternalError.Algo.InferenceError": "Inference error: Inference error.",
    "InternalError.Algo.Process": "algorithm process error.",
    "InternalError.Algo.ContentLength": "Missing Content-Length of multimodal url.",
    "InternalError.FileUpload": "oss upload error.",
    "InternalError.Upload": "Failed to upload result.",
    "SystemError": "An system error has occured, please try again later.",
    "ModelServiceFailed": "Failed to request model service.",
    "InvalidParameter.Prompt": "Could not process with this prompt.",
    "InvalidParameter.Output": "Output data may contain inappropriate content.",
    "InvalidParameter.Download": "Failed to download <url>",
    "InvalidParameter.ContentType": "Wrong Content-Type of multimodal url",
    "InvalidParameter.ImageFormat": "Image format error",
    "InvalidParameter.ImageFile": "Invalid image format or corrupted file",
    "InvalidParameter.ImageDownload": "Image download failed.",
    "InvalidParameter.ImageSize": "the size of input image is too small or too large.",
    "InvalidParameter.DataInspection.NotFound": (
        "Failed to find the requested media resource during the data inspection process"
    ),
    "InvalidParameter.DataInspection.Timeout": (
        "Download the media resource timed out during the data inspection process."
    ),
    "InvalidParameter.DataInspection.Authorization": (
        "Don't have authorization to access the media resource during the data inspection process."
    ),
    "InvalidParameter.DataInspection.Format": "The media format is not supported or incorrect for the data inspection.",
    "InvalidParameter.DataInspection.Decode": "Failed to decode the image during the data inspection.",
    "InvalidParameter.DataInspection.Size": "The image size is not supported for the data inspection.",
    "InvalidURL.Provided": "Invalid URL provided in your request.",
    "InvalidURL.Image": "The request URL is invalid, make sure the url is correct and is an image.",
    "InvalidURL.Form": "The provided URL does not appear to be valid. Ensure it is correctly formatted.",
    "InvalidImage.FileFormat": "Invalid image type. Please ensure the uploaded file is a valid image.",
    "InvalidImage.ImageSize": "The size of image is beyond limit.",
    "InvalidImageFormat": "The input image is in invalid format.",
    "InvalidPerson": (
        "The input image has no human body or multi human bodies. Please upload other image with single person."
    ),
    "InvalidFile.AspectRatio.Video": (
        "Invalid file ratio. The file aspect ratio (height/width) must be between 3:1 and 1:3."
    ),
    "InvalidFile.Duration.File": "Invalid file duration. The file duration must be xxx s ~ yyy s.",
    "InvalidFile.Resolution.Portrait": (
        "The image resolution is invalid, please make sure that the largest length of image is smaller "
        "than 4096, and the smallest length of image is larger than 224."
    ),
    "InvalidFile.Resolution.Video": "Invalid video resolution. The height or width of video must be xxx ~ yyy.",
    "InvalidFile.Size.Image": "Invalid file size, The image file size must be smaller than 5MB.",
    "InvalidFile.Size.Media": (
        "Invalid file size. The video file size must be less than 200MB, and the audio file size must be "
        "less than 15MB."
    ),
    "BadRequest.InputDownloadFailed": "Failed to download the input file: xxx.",
    "BadRequest.UnsupportedFileFormat.Input": "Input file format is not supported.",
}
CODES = {  # of the names that are not codes themselves
    "DataInspectionFailed.Either": "DataInspectionFailed",
    "DataInspectionFailed.Output": "DataInspectionFailed",
    "DataInspectionFailed.Text": "DataInspectionFailed",
    "DataInspectionFailed.GreenNet": "DataInspectionFailed",
    "DataInspectionFailed.GreenNetOutput": "DataInspectionFailed",
    "InternalError.Download": "InternalError",
    "InternalError.Server": "InternalError",
    "InternalError.Algo.Inference": "InternalError.Algo",
    "InternalError.Algo.InferenceError": "InternalError.Algo",
    "InternalError.Algo.Process": "InternalError.Algo",
    "InternalError.Algo.ContentLength": "InternalError.Algo",
    "InvalidParameter.Prompt": "InvalidParameter",
    "InvalidParameter.Output": "InvalidParameter",
    "InvalidParameter.Download": "InvalidParameter",
    "InvalidParameter.ContentType": "InvalidParameter",
    "InvalidParameter.ImageFormat": "InvalidParameter",
    "InvalidParameter.ImageFile": "InvalidParameter",
    "InvalidParameter.ImageDownload": "InvalidParameter",
    "InvalidParameter.ImageSize": "InvalidParameter",
    "InvalidParameter.DataInspection.NotFound": "InvalidParameter.DataInspection",
    "InvalidParameter.DataInspection.Timeout": "InvalidParameter.DataInspection",
    "InvalidParameter.DataInspection.Authorization": "InvalidParameter.DataInspection",
    "InvalidParameter.DataInspection.Format": "InvalidParameter.DataInspection",
    "InvalidParameter.DataInspection.Decode": "InvalidParameter.DataInspection",
    "InvalidParameter.DataInspection.Size": "InvalidParameter.DataInspection",
    "InvalidURL.Provided": "InvalidURL",
    "InvalidURL.Image": "InvalidURL",
    "InvalidURL.Form": "InvalidURL",
    "InvalidFile.AspectRatio.Video": "InvalidFile.AspectRatio",
    "InvalidFile.Duration.File": "InvalidFile.Duration",
    "InvalidFile.Resolution.Portrait": "InvalidFile.Resolution",
    "InvalidFile.Resolution.Video": "InvalidFile.Resolution",
    "InvalidFile.Size.Image": "InvalidFile.Size",
    "InvalidFile.Size.Media": "InvalidFile.Size",
    "BadRequest.UnsupportedFileFormat.Input": "BadRequest.UnsupportedFileFormat",
}


def test_failures_covers_the_error_table() -> None:
    table = tomllib.loads((Path(fakescope.catalog.__file__).parent / "errors.toml").read_text("utf-8"))

    assert set(FAILURES) == set(table["failure"])


@pytest.mark.parametrize("name", FAILURES)
async def test_mark_in_the_prompt_fails_the_task(hasty: Any, name: str) -> None:
    output = await hasty.output(await hasty.accepted(f"A heron [fakescope:fail={name}] at dawn"))

    assert (output["task_status"], output["message"]) == ("FAILED", FAILURES[name])
    assert output["code"] == CODES.get(name, name)


async def test_mark_with_an_unheard_of_code_fails_with_that_code(hasty: Any) -> None:
    output = await hasty.output(await hasty.accepted("[fakescope:fail=Some.NewCode]"))

    assert (output["task_status"], output["code"]) == ("FAILED", "Some.NewCode")


async def test_mark_stuck_keeps_the_task_running_until_it_expires(hasty: Any, clock: Any) -> None:
    task_id = await hasty.accepted("[fakescope:stuck]")

    clock.advance(hours=23.9)

    assert await hasty.status(task_id) == "RUNNING"


async def test_mark_seconds_runs_as_long_whatever_the_speed(hasty: Any, clock: Any) -> None:
    task_id = await hasty.accepted("[fakescope:seconds=90]")

    clock.advance(seconds=89.999)
    before = await hasty.status(task_id)
    clock.advance(seconds=0.001)

    assert (before, await hasty.status(task_id)) == ("RUNNING", "SUCCEEDED")


async def test_marks_are_plain_text_when_test_values_are_off(make_caller: Any) -> None:
    caller = make_caller(speed=float("inf"), test_values=False)

    output = await caller.output(await caller.accepted("[fakescope:fail=InternalError]"))

    assert output["task_status"] == "SUCCEEDED"
    assert output["orig_prompt"] == "[fakescope:fail=InternalError]"


# -- results that were not all made


async def test_mark_partial_makes_only_the_first_results(hasty: Any) -> None:
    """Wan text-to-image V2 API reference: a task of which some images were blocked has SUCCEEDED."""
    model, path = "wan2.2-t2i-plus", "/api/v1/services/aigc/text2image/image-synthesis"

    task_id = await hasty.accepted("A heron [fakescope:partial=2]", model=model, path=path, parameters={"n": 3})
    body = await hasty.poll(task_id)

    first, second, third = body["output"]["results"]
    assert {"url", "orig_prompt", "actual_prompt"} == first.keys() == second.keys()
    assert third == {"code": "DataInspectionFailed", "message": "Output data may contain inappropriate content."}
    assert body["output"]["task_metrics"] == {"TOTAL": 3, "SUCCEEDED": 2, "FAILED": 1}
    assert body["usage"] == {"image_count": 2}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("wan2.6-t2v", "/api/v1/services/aigc/video-generation/video-synthesis"),  # a single plain result
        ("wan2.2-t2i-plus", "/api/v1/services/aigc/text2image/image-synthesis"),
    ],
)
async def test_mark_partial_0_fails_the_task_and_shows_no_result(hasty: Any, model: str, path: str) -> None:
    task_id = await hasty.accepted("A heron [fakescope:partial=0]", model=model, path=path)
    body = await hasty.poll(task_id)

    output = body["output"]
    assert (output["task_status"], output["code"]) == ("FAILED", "DataInspectionFailed")
    assert output["message"] == "Output data may contain inappropriate content."
    assert "http" not in str(body)
    assert "usage" not in body


async def test_results_that_were_made_can_be_fetched(hasty: Any) -> None:
    model, path = "wan2.2-t2i-plus", "/api/v1/services/aigc/text2image/image-synthesis"

    output = await hasty.output(await hasty.accepted(model=model, path=path, parameters={"n": 2}))
    pictures = [await hasty.http.get(result["url"]) for result in output["results"]]

    assert [picture.headers["content-type"] for picture in pictures] == ["image/png"] * 2
    assert len({result["url"] for result in output["results"]}) == 2


# -- detections


async def test_mark_in_an_address_makes_a_detection_find_nothing(hasty: Any) -> None:
    picture = "https://h/i.png#[fakescope:reject]"
    body = {"model": "liveportrait-detect", "input": {"image_url": picture}}

    answer = await hasty.send("POST", DETECTION, json=body)

    assert answer.status_code == 200
    assert answer.json()["output"] == {"pass": False, "message": "No human face detected."}
    assert answer.json()["usage"] == {"image_count": 1}


async def test_mark_in_an_address_refuses_a_detection(hasty: Any) -> None:
    picture = "https://h/i.png#[fakescope:fail=InvalidFile.NoHuman]"
    body = {"model": "liveportrait-detect", "input": {"image_url": picture}}

    answer = await hasty.send("POST", DETECTION, json=body)

    told = answer.json()
    assert (answer.status_code, told["code"], told["message"]) == (400, "InvalidFile.NoHuman", NO_HUMAN)
