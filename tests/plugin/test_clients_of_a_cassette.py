"""A cassette catches every client: what one has recorded, each of them gets again, and nothing goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakescope import use_cassette
from fakescope.recording.files import load
from fakescope_client import Client

KEY = "sk-fake-recorded"


def test_what_a_client_records_it_gets_again(make_film: Any, base: str, nowhere: str, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "film.yaml", record_mode="once"):
        recorded = make_film(base, KEY, "a cat")

    with use_cassette(tmp_path / "film.yaml"):
        replayed = make_film(nowhere, "sk-fake-other", "a cat")

    assert load(tmp_path / "film.yaml").provenance.basis == "simulated"
    assert (recorded.status, recorded.prompt) == ("SUCCEEDED", "a cat")
    assert replayed[:2] == recorded[:2]
    assert replayed.url.startswith(base.removesuffix("/api/v1"))  # its ids and its signature are not the recorded ones


@pytest.fixture(scope="module")
def recorded_by_sdk(base: str, make_film_by_sdk: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cassettes") / "sdk.yaml"
    with use_cassette(path, record_mode="once"):
        make_film_by_sdk(base, KEY, "a cat")
    return path


def test_what_the_sdk_recorded_every_client_gets(make_film: Any, nowhere: str, recorded_by_sdk: Path) -> None:
    with use_cassette(recorded_by_sdk) as session:
        film = make_film(nowhere, KEY, "a cat")

    assert (film.status, film.prompt) == ("SUCCEEDED", "a cat")
    assert session.unused() == ()


def test_another_prompt_is_refused_to_every_client(make_film: Any, nowhere: str, recorded_by_sdk: Path) -> None:
    with use_cassette(recorded_by_sdk) as session, pytest.raises(Exception, match="No recording answers") as refused:
        make_film(nowhere, KEY, "a dog")

    assert "input.prompt: recorded 'a cat', sent 'a dog'" in str(refused.value)
    assert "input.prompt: recorded 'a cat', sent 'a dog'" in str(session.misses[0])


def test_our_client_downloads_a_film_that_stands_for_the_recorded_one(base: str, nowhere: str, tmp_path: Path) -> None:
    def download(at: str, to: str) -> bytes:
        with Client(KEY, base_url=at) as client:
            client.download(client.text_to_video("a cat", model="wan2.6-t2v"), tmp_path / to)
        return (tmp_path / to).read_bytes()

    with use_cassette(tmp_path / "film.yaml", record_mode="once"):
        download(base, "recorded.mp4")
    with use_cassette(tmp_path / "film.yaml") as session:
        film = download(nowhere, "replayed.mp4")

    assert film[4:8] == b"ftyp"  # ISO/IEC 14496-12, 4.3
    assert session.unused() == ()
