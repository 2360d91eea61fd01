"""Result links: what is written can be read, and nothing else can."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.engine.links import PREFIX, Target, read, result_link

TASK = "0fcfa6e6-bec0-4938-a444-f23a47e8dd48"
ACCOUNT = "0123456789abcdef"
EXPIRES = 1_770_686_400
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
LINK = result_link("http://test:8900", "dashscope-result-bj", "LTAI5t", ACCOUNT, TASK, 0, "mp4", EXPIRES)
PATH, QUERY = urlsplit(LINK).path, urlsplit(LINK).query


def test_a_link_leads_back_to_its_task() -> None:
    assert read(PATH, QUERY, "LTAI5t") == Target(ACCOUNT, TASK, EXPIRES)


def test_a_link_has_the_form_of_a_signed_oss_address() -> None:
    parts = parse_qs(QUERY)

    assert LINK.startswith(f"http://test:8900{PREFIX}-bj/1d/0f/0fcfa6e6/{TASK}-0.mp4?")
    assert list(parts) == ["Expires", "OSSAccessKeyId", "Signature"]
    assert parts["Expires"] == [str(EXPIRES)]
    assert parts["OSSAccessKeyId"][0].startswith("LTAI5t")


def test_a_signature_is_twenty_bytes_in_base64() -> None:
    assert len(parse_qs(QUERY)["Signature"][0]) == 28


def test_a_signature_is_quoted_for_an_address() -> None:
    """Among enough links there are some with each of the three marks that base64 may hold."""
    links = [result_link("", "b", "LTAI5t", ACCOUNT, TASK, 0, "mp4", EXPIRES + n) for n in range(100)]
    signatures = [link.partition("&Signature=")[2] for link in links]

    assert not any(mark in signature for signature in signatures for mark in "+/=")
    assert any("%2B" in signature for signature in signatures)
    assert any("%2F" in signature for signature in signatures)
    assert all(read(path, query, "LTAI5t") for path, _, query in (link.partition("?") for link in links))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (PATH.replace("0fcfa6e6-", "1fcfa6e6-"), QUERY),
        (PATH.replace("-0.mp4", "-1.mp4"), QUERY),
        (PATH.replace("result-bj", "result-sgp"), QUERY),
        (PATH, QUERY.replace(str(EXPIRES), str(EXPIRES + 1))),
        (PATH, QUERY.replace(str(EXPIRES), str(EXPIRES).translate(ARABIC_DIGITS))),
        (PATH, QUERY.replace(ACCOUNT, ACCOUNT[::-1])),
        (PATH, QUERY.replace("LTAI5t", "LTAI6t")),
        (PATH, QUERY.replace("LTAI5t", "")),
        (PATH, QUERY.replace("Signature=", "Signature=A")),
        (PATH, QUERY.replace("&Signature=", "&signature=")),
        (PATH, QUERY.partition("&")[2]),
        (PATH, ""),
    ],
    ids=[
        "task",
        "number",
        "bucket",
        "expiry",
        "expiry in other digits",
        "account",
        "access key",
        "no access key",
        "signature",
        "name of the signature",
        "no expiry",
        "nothing",
    ],
)
def test_a_link_that_was_changed_leads_nowhere(path: str, query: str) -> None:
    assert read(path, query, "LTAI5t") is None


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "١٢٣", "²", "9" * 12, "9" * 5_000, "0x10", " 1"])
def test_an_expiry_that_is_no_number_leads_nowhere(expires: str) -> None:
    assert read(PATH, f"Expires={expires}&OSSAccessKeyId=LTAI5t{ACCOUNT}&Signature=abc", "LTAI5t") is None


@pytest.mark.parametrize("garbage", ["é", "签名", "%E9", "%FF%FE", "\x00", "%", "&&&;==="], ids=ascii)
@pytest.mark.parametrize("before", ["Expires=", "OSSAccessKeyId=LTAI5t", "Signature="])
def test_garbage_in_any_part_leads_nowhere(before: str, garbage: str) -> None:
    assert read(PATH, QUERY.replace(before, before + garbage), "LTAI5t") is None


@pytest.mark.parametrize("before", ["Expires=", "OSSAccessKeyId=LTAI5t", "Signature="])
def test_a_part_of_any_length_leads_nowhere(before: str) -> None:
    for length in range(1, 200):
        assert read(PATH, QUERY.replace(before, before + "9" * length), "LTAI5t") is None


@given(st.text(), st.text())
def test_arbitrary_text_leads_nowhere_and_breaks_nothing(path: str, query: str) -> None:
    assert read(path, query, "LTAI5t") is None
