"""A small client for DashScope's asynchronous image and video API, for people who pay for what they submit.

from fakescope_client import Client

with Client() as client:  # DASHSCOPE_API_KEY, and DASHSCOPE_HTTP_BASE_URL if it is not Beijing
    film = client.text_to_video("A paper boat crosses a puddle", size="1280*720")
    client.download(film, "film.mp4")
"""

from fakescope_client.clients import AsyncClient, Client
from fakescope_client.core import Options
from fakescope_client.errors import (
    AmbiguousSubmissionError,
    AuthenticationError,
    ContentRefusedError,
    DashScopeError,
    InvalidParameterError,
    ModelNotFoundError,
    QuotaExhaustedError,
    TaskFailedError,
    TaskTimeoutError,
    TaskUnknownError,
    ThrottledError,
    TransportError,
)
from fakescope_client.model import Task, TaskStatus, Usage

__version__ = "0.1.0"
__all__ = [
    "AmbiguousSubmissionError",
    "AsyncClient",
    "AuthenticationError",
    "Client",
    "ContentRefusedError",
    "DashScopeError",
    "InvalidParameterError",
    "ModelNotFoundError",
    "Options",
    "QuotaExhaustedError",
    "Task",
    "TaskFailedError",
    "TaskStatus",
    "TaskTimeoutError",
    "TaskUnknownError",
    "ThrottledError",
    "TransportError",
    "Usage",
    "__version__",
]
