"""Which endpoint a model is called at, and which models take pictures inside the request.

Source: the models' API references and the vendor's SDK; the first row that fits counts. A model that is not here gets
the endpoint of new video models; `path=` overrides all of it.
"""

import re

_TASKS = (
    (r"detect", ""),
    (r"animate-anyone-template", "image2video/aa-template-generation"),
    (r"kf2v|animate|^emo|liveportrait|s2v|videoretalk", "image2video/video-synthesis"),
    (r"out-painting", "image2image/out-painting"),
    (r"style-repaint|wan2\.(6-(t2i|image)|[7-9]-image)|qwen-image-3", "image-generation/generation"),
    (r"background-generation", "background-generation/generation"),
    (r"shoemodel|virtualmodel", "virtualmodel/generation"),
    (r"qwen-image-(\d|max|edit)|z-image", ""),
    (r"t2i|^qwen-image|^wanx-v1|poster", "text2image/image-synthesis"),
    (r"imageedit|i2i|erase|x-painting|segmentation|sketch|qwen-mt-image", "image2image/image-synthesis"),
    (r"", "video-generation/video-synthesis"),
)
_INLINE = r"^wanx?2\.[1256]-(i2v|kf2v|i2i|image)|imageedit|^wan2\.7-image|^qwen-image"


def task_path(model: str) -> str:
    """Where tasks of this model are submitted, after `services/`; empty if it only answers at once."""
    path = next(path for pattern, path in _TASKS if re.search(pattern, model))
    return path and f"aigc/{path}"


def at_once_path(model: str) -> str:
    """Where this model answers at once, if it does."""
    if "detect" in model:
        return "aigc/image2video/aa-detect" if "animate-anyone" in model else "aigc/image2video/face-detect"
    return "aigc/multimodal-generation/generation"


def takes_inline(model: str) -> bool:
    """Whether pictures may be sent as `data:`. Source: input sections of the references; wan3.0 was seen to refuse."""
    return re.search(_INLINE, model) is not None
