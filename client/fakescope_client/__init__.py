"""A small client for DashScope's asynchronous image and video API, for people who pay for what they submit.

from fakescope_client import Client

with Client() as client:  # DASHSCOPE_API_KEY, and DASHSCOPE_HTTP_BASE_URL if it is not Beijing
    film = client.text_to_video("A paper boat crosses a puddle", size="1280*720")
    client.download(film, "film.mp4")
"""

from fakescope_client.clients import AsyncClient as AsyncClient
from fakescope_client.clients import Client as Client
from fakescope_client.core import Options as Options
from fakescope_client.errors import *  # noqa: F403 - the whole family
from fakescope_client.model import Task as Task
from fakescope_client.model import TaskStatus as TaskStatus
from fakescope_client.model import Usage as Usage

__version__ = "0.1.0"
__all__ = ["__version__", *(name for name, thing in vars().items() if isinstance(thing, type))]  # each name once
