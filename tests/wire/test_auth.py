"""Keys, accounts and regions: who is asking, and where."""

from __future__ import annotations

from typing import Any

import pytest

from fakescope.settings import AccountSetting

pytestmark = pytest.mark.anyio

SINGAPORE, VIRGINIA = "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"


@pytest.mark.parametrize(
    "value", ["Bearer x", "bearer sk-anything", "Bearer   sk-spaced  ", "Bearer sk-\u00fc"], ids=repr
)
async def test_any_bearer_key_works(make_caller: Any, value: str) -> None:
    answer = await make_caller(key=None).send(
        "GET", "/api/v1/tasks", headers={"Authorization": value.encode("latin-1")}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}], ids=repr)
async def test_no_key_is_refused_as_no_key(make_caller: Any, headers: dict[str, str]) -> None:
    answer = await make_caller(key=None).send("GET", "/api/v1/tasks", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["code"] == "InvalidApiKey"
    assert answer.json()["message"] == "No API-key provided."


@pytest.mark.parametrize("value", ["Basic eDp5", "sk-without-a-scheme"])
async def test_key_without_bearer_is_a_wrong_key(make_caller: Any, value: str) -> None:
    answer = await make_caller(key=None).send("GET", "/api/v1/tasks", headers={"Authorization": value})

    assert answer.status_code == 401
    assert answer.json()["message"] == "Invalid API-key provided."


async def test_accounts_do_not_see_each_other(caller: Any) -> None:
    alice, bob = caller.using("sk-fake-alice"), caller.using("sk-fake-bob")
    task_id = await alice.accepted()

    assert await bob.output(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}
    assert (await bob.list())["total"] == 0
    assert (await bob.cancel(task_id)).status_code == 400
    assert await alice.status(task_id) == "PENDING"


# -- test keys

TEST_KEYS = {
    "sk-fake-invalid": (401, "InvalidApiKey"),
    "sk-fake-arrears": (400, "Arrearage"),
    "sk-fake-freetier": (403, "AllocationQuota.FreeTierOnly"),
    "sk-fake-denied": (403, "Model.AccessDenied"),
    "sk-fake-throttled": (429, "Throttling.RateQuota"),
}


@pytest.mark.parametrize("suffix", ["", "-ci"])
@pytest.mark.parametrize("key", TEST_KEYS)
async def test_test_key_is_always_refused_its_way(caller: Any, key: str, suffix: str) -> None:
    answer = await caller.using(key + suffix).submit()

    assert (answer.status_code, answer.json()["code"]) == TEST_KEYS[key]


@pytest.mark.parametrize("key", TEST_KEYS)
async def test_test_key_is_an_ordinary_key_when_test_values_are_off(make_caller: Any, key: str) -> None:
    answer = await make_caller(test_values=False).using(key).submit()

    assert answer.status_code == 200


async def test_key_that_only_begins_like_a_test_key_works(caller: Any) -> None:
    assert (await caller.using("sk-fake-invalidated").submit()).status_code == 200


@pytest.mark.parametrize("key", [key for key in TEST_KEYS if key != "sk-fake-invalid"])
async def test_test_key_of_an_account_that_cannot_pay_may_still_poll(caller: Any, key: str) -> None:
    assert await caller.using(key).status("1111") == "UNKNOWN"


# -- regions


@pytest.mark.parametrize("host", [SINGAPORE, f"{SINGAPORE}:8900", SINGAPORE.upper()])
async def test_host_decides_the_region(caller: Any, host: str) -> None:
    there = caller.at(host)

    await there.accepted(model="wan2.1-t2v-plus")

    assert (await there.list())["data"][0]["region"] == "ap-southeast-1"


async def test_setting_decides_the_region_of_any_other_host(make_caller: Any) -> None:
    caller = make_caller(region="singapore")

    await caller.accepted(model="wan2.1-t2v-plus")

    assert (await caller.list())["data"][0]["region"] == "ap-southeast-1"


async def test_host_of_the_vendor_outdoes_the_setting(make_caller: Any) -> None:
    caller = make_caller(region="singapore").at("dashscope.aliyuncs.com")

    assert (await caller.submit(model="wan2.1-t2v-plus")).status_code == 404


PLACES = {"beijing": "dashscope.aliyuncs.com", "singapore": SINGAPORE, "virginia": VIRGINIA}


@pytest.mark.parametrize(
    ("model", "regions"),
    [
        ("wan2.6-t2v", {"beijing", "singapore"}),
        ("wan2.6-t2v-us", {"virginia"}),
        ("wan2.6-i2v-us", {"virginia"}),
        ("wanx2.1-t2v-turbo", {"beijing"}),
        ("wan2.1-t2v-turbo", {"singapore"}),
        ("wan2.1-i2v-plus", {"singapore"}),
    ],
)
async def test_model_exists_in_its_regions_only(caller: Any, model: str, regions: set[str]) -> None:
    given = {"prompt": "A heron", "img_url": "https://h/i.png"}

    answers = {name: await caller.at(host).submit(model=model, input=given) for name, host in PLACES.items()}

    assert {name for name, answer in answers.items() if answer.status_code == 200} == regions
    for answer in answers.values():
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["message"]) == (404, "Model not exist.")


# -- accounts of the settings


async def test_key_bound_to_another_region_is_a_wrong_key(make_caller: Any) -> None:
    bound = AccountSetting("asia", ("sk-asia",), "singapore", False)
    caller = make_caller(accounts=(bound,)).using("sk-asia")

    here, there = await caller.submit(), await caller.at(SINGAPORE).submit()

    assert (here.status_code, here.json()["message"]) == (401, "Invalid API-key provided.")
    assert there.status_code == 200


async def test_keys_of_one_main_account_share_its_tasks(make_caller: Any) -> None:
    caller = make_caller(accounts=(AccountSetting("main", ("sk-one", "sk-two"), None, False),))
    task_id = await caller.using("sk-one").accepted()

    other = caller.using("sk-two")

    assert await other.status(task_id) == "PENDING"
    assert (await other.cancel(task_id)).status_code == 200


async def test_keys_of_one_main_account_share_its_limits(make_caller: Any) -> None:
    caller = make_caller(limits=True, accounts=(AccountSetting("main", ("sk-one", "sk-two"), None, False),))
    for _ in range(5):
        await caller.using("sk-one").accepted()

    answer = await caller.using("sk-two").submit()

    assert answer.status_code == 429


async def test_closed_server_takes_bound_keys_only(make_caller: Any) -> None:
    caller = make_caller(accounts=(AccountSetting("main", ("sk-one",), None, True),))

    known, stranger = await caller.using("sk-one").submit(), await caller.using("sk-other").submit()

    assert known.status_code == 200
    assert (stranger.status_code, stranger.json()["message"]) == (401, "Invalid API-key provided.")
