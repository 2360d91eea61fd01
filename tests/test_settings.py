"""Settings: where each comes from, which wins, and what a bad one is told."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

from fakescope.errors import SettingsError
from fakescope.settings import SETTINGS, AccountSetting, Settings, load

# Per setting: texts that are taken and what they become; texts that are not, and what their owner is told.
GOOD: dict[str, dict[str, Any]] = {
    "host": {"127.0.0.1": "127.0.0.1", "::1": "::1", "my-host.local": "my-host.local"},
    "port": {"0": 0, "8900": 8900, "65535": 65_535},
    "speed": {"1": 1.0, "0.001": 0.001, "1e6": 1_000_000.0, "max": inf},
    "seed": {"0": 0, "9223372036854775807": 2**63 - 1},
    "limits": {"true": True, "ON": True, "1": True, "no": False, "off": False, "0": False},
    "region": {"beijing": "beijing", "singapore": "singapore", "virginia": "virginia"},
    "errors": {"vendor": "vendor", "early": "early"},
    "log": {"lines": "lines", "off": "off"},
    "extra_headers": {"yes": True, "false": False},
    "test_values": {"yes": True, "false": False},
    "unknown_models": {"vendor": "vendor", "nearest": "nearest", "permissive": "permissive"},
    "catalog": {"": (), "a.toml": ("a.toml",), "a.toml,b.toml": ("a.toml", "b.toml")},
}
WHOLE_PORT = "must be a whole number from 0 to 65535"
WHOLE_SEED = "must be a whole number from 0 to 9223372036854775807"
SPEED = "must be a number from 0.001 to 1000000 (1 is the vendor's pace), or max"
BAD: dict[str, dict[str, str]] = {
    "host": dict.fromkeys(["", " ", "a b", "$(id)", "host;"], "must be the name or the address of a host"),
    "port": dict.fromkeys(["", "-1", "65536", "80.0", "http", "٨٠", "²"], WHOLE_PORT),
    "speed": dict.fromkeys(["", "0", "-1", "nan", "inf", "1000001", "fast"], SPEED),
    "seed": dict.fromkeys(["", "-1", "1.5", "9223372036854775808"], WHOLE_SEED),
    "limits": dict.fromkeys(["", "2", "perhaps"], "must be true or false"),
    "region": dict.fromkeys(["", "Beijing", "mars"], "must be one of beijing, singapore, virginia"),
    "errors": dict.fromkeys(["", "late"], "must be one of vendor, early"),
    "log": dict.fromkeys(["", "on"], "must be one of lines, off"),
    "extra_headers": dict.fromkeys(["", "maybe"], "must be true or false"),
    "test_values": dict.fromkeys(["", "maybe"], "must be true or false"),
    "unknown_models": dict.fromkeys(["", "any"], "must be one of vendor, nearest, permissive"),
    "catalog": {},  # any text may name a file
}


def setting_of(settings: Settings, name: str) -> object:
    return getattr(settings, name)


def refused(folder: Path, environ: dict[str, str] | None = None, flags: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        load(flags or {}, environ or {}, folder)
    return str(error.value)


def test_every_setting_is_in_the_tables_of_this_test() -> None:
    names = [setting.name for setting in SETTINGS]

    assert names == list(GOOD) == list(BAD)


def test_every_setting_is_a_row_and_every_row_a_setting() -> None:
    assert [*(setting.name for setting in SETTINGS), "accounts"] == list(Settings._fields)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in GOOD for text in GOOD[name]])
def test_a_good_value_is_read(tmp_path: Path, name: str, text: str) -> None:
    settings = load({}, {f"FAKESCOPE_{name.upper()}": text}, tmp_path)

    assert setting_of(settings, name) == GOOD[name][text]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in BAD for text in BAD[name]])
def test_a_bad_value_in_the_environment_is_told_with_its_variable(tmp_path: Path, name: str, text: str) -> None:
    variable = f"FAKESCOPE_{name.upper()}"

    assert refused(tmp_path, {variable: text}) == f"{variable}: {text!r} {BAD[name][text]}"


@pytest.mark.parametrize("name", [name for name in BAD if BAD[name]])
def test_a_bad_value_in_the_file_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "fakescope.toml").write_text(f'{name} = "$!"')

    assert refused(tmp_path).startswith(f"fakescope.toml: {name}: '$!' must be ")


def test_a_number_with_thousands_of_digits_is_only_a_bad_value(tmp_path: Path) -> None:
    assert refused(tmp_path, {"FAKESCOPE_SEED": "9" * 5_000}).startswith("FAKESCOPE_SEED: ")


# -- which wins


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load({}, {}, tmp_path) == Settings(
        host="127.0.0.1",
        port=8900,
        speed=60.0,
        seed=None,
        limits=True,
        region="beijing",
        errors="vendor",
        log="lines",
        extra_headers=True,
        test_values=True,
        unknown_models="vendor",
        catalog=(),
        accounts=(),
    )


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("port = 1")

    assert load({}, {}, tmp_path).port == 1


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("port = 1")

    assert load({}, {"FAKESCOPE_PORT": "2"}, tmp_path).port == 2


def test_a_flag_wins_over_the_environment(tmp_path: Path) -> None:
    assert load({"port": 3}, {"FAKESCOPE_PORT": "2"}, tmp_path).port == 3


def test_a_flag_of_no_or_nothing_wins_all_the_same(tmp_path: Path) -> None:
    settings = load({"limits": False, "port": 0}, {"FAKESCOPE_LIMITS": "true", "FAKESCOPE_PORT": "2"}, tmp_path)

    assert (settings.limits, settings.port) == (False, 0)


def test_a_flag_that_was_not_given_leaves_the_rest_alone(tmp_path: Path) -> None:
    assert load({"port": None}, {"FAKESCOPE_PORT": "2"}, tmp_path).port == 2


def test_each_setting_is_decided_alone(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("port = 1\nseed = 1\nspeed = 1")

    settings = load({"speed": 3.0}, {"FAKESCOPE_SEED": "2"}, tmp_path)

    assert (settings.port, settings.seed, settings.speed) == (1, 2, 3.0)


def test_a_bad_value_in_the_file_does_not_matter_when_a_flag_wins(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("port = 99999")

    assert load({"port": 3}, {}, tmp_path).port == 3


# -- the file


def test_the_file_takes_toml_types(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text('limits = false\nspeed = "max"\nseed = 5\nlog = "off"')

    settings = load({}, {}, tmp_path)

    assert (settings.limits, settings.speed, settings.seed, settings.log) == (False, inf, 5, "off")


@pytest.mark.parametrize("spelled", ["extra-headers", "extra_headers"])
def test_the_file_takes_a_name_as_the_flag_or_as_the_variable_has_it(tmp_path: Path, spelled: str) -> None:
    (tmp_path / "fakescope.toml").write_text(f"{spelled} = false")

    assert load({}, {}, tmp_path).extra_headers is False


def test_pyproject_is_read_when_there_is_no_file_of_our_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fakescope]\nport = 4")

    assert load({}, {}, tmp_path).port == 4


def test_a_file_of_our_own_wins_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("seed = 1")
    (tmp_path / "pyproject.toml").write_text("[tool.fakescope]\nport = 4")

    assert load({}, {}, tmp_path) == Settings(seed=1)


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'", "[tool.ruff]\nline-length = 1"])
def test_a_pyproject_without_us_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    assert load({}, {}, tmp_path) == Settings()


def test_a_named_file_is_read_instead(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("port = 1")
    (tmp_path / "mine.toml").write_text("port = 5")
    (tmp_path / "other.toml").write_text("port = 6")
    environ = {"FAKESCOPE_CONFIG": str(tmp_path / "other.toml")}

    assert load({}, environ, tmp_path).port == 6
    assert load({"config": str(tmp_path / "mine.toml")}, environ, tmp_path).port == 5


def test_a_named_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.toml")

    assert refused(tmp_path, flags={"config": missing}) == f"{missing}: No such file or directory"


@pytest.mark.parametrize("content", [b"port = ", b"port 5", b"\xff\xfe", b"port = 1\nport = 2"], ids=repr)
def test_a_file_that_is_not_toml_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fakescope.toml").write_bytes(content)

    assert refused(tmp_path).startswith(f"{tmp_path / 'fakescope.toml'}: not TOML: ")


def test_an_unknown_setting_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "fakescope.toml").write_text("prot = 5")

    assert refused(tmp_path) == (
        "fakescope.toml: unknown setting 'prot'; known are account, host, port, speed, seed, limits, region, errors, "
        "log, extra_headers, test_values, unknown_models, catalog"
    )


def test_an_unknown_setting_in_pyproject_is_told_with_its_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fakescope]\nprot = 5")

    assert refused(tmp_path).startswith("pyproject.toml [tool.fakescope]: unknown setting 'prot'")


@pytest.mark.parametrize("text", ["tool.fakescope = 5", "tool.fakescope = []"])
def test_a_pyproject_table_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    assert refused(tmp_path) == "pyproject.toml: tool.fakescope must be written as [tool.fakescope]"


# -- accounts

TWO_ACCOUNTS = """
[[account]]
name = "team"
keys = ["sk-1", "sk-2"]
region = "singapore"
only = true

[[account]]
keys = ["sk-3"]
"""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("fakescope.toml", TWO_ACCOUNTS),
        ("pyproject.toml", TWO_ACCOUNTS.replace("[[account]]", "[[tool.fakescope.account]]")),
    ],
)
def test_accounts_are_read_with_their_keys(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)

    assert load({}, {}, tmp_path).accounts == (
        AccountSetting("team", ("sk-1", "sk-2"), "singapore", True),
        AccountSetting("sk-3", ("sk-3",), None, False),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("account = 5", "fakescope.toml: account must be written as [[account]]"),
        ("account = [5]", "fakescope.toml: account must be written as [[account]]"),
        ("[account]\nkeys = []", "fakescope.toml: account must be written as [[account]]"),
        ("[[account]]", "fakescope.toml: account[0].keys: must be a list of keys; got []"),
        ("[[account]]\nkeys = 'sk'", "fakescope.toml: account[0].keys: must be a list of keys; got 'sk'"),
        ("[[account]]\nkeys = ['']", "fakescope.toml: account[0].keys: must be a list of keys; got ['']"),
        ("[[account]]\nkeys = [5]", "fakescope.toml: account[0].keys: must be a list of keys; got [5]"),
        (
            "[[account]]\nkeys = ['a']\nkey = 'b'",
            "fakescope.toml: account[0]: unknown key 'key'; known are name, keys, region, only",
        ),
        (
            "[[account]]\nkeys = ['a']\nonly = 1",
            "fakescope.toml: account[0]: name and region are texts, only is true or false",
        ),
        (
            "[[account]]\nkeys = ['a']\nregion = 5",
            "fakescope.toml: account[0]: name and region are texts, only is true or false",
        ),
        (
            "[[account]]\nkeys = ['a']\nregion = 'mars'",
            "fakescope.toml: account[0].region: 'mars' must be one of beijing, singapore, virginia",
        ),
        (
            "[[account]]\nkeys = ['a']\n[[account]]\nkeys = ['b', 'a']",
            "fakescope.toml: account.keys: 'a' is named twice; a key leads to one account",
        ),
    ],
)
def test_a_bad_account_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "fakescope.toml").write_text(text)

    assert refused(tmp_path) == told


# -- the table


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_its_flag_and_its_variable(setting: Any) -> None:
    assert setting.flag == "--" + setting.name.replace("_", "-")
    assert setting.variable == "FAKESCOPE_" + setting.name.upper()
    assert setting.help.endswith(".")


def test_switches_are_the_settings_that_are_on_or_off() -> None:
    switches = [setting.name for setting in SETTINGS if setting.is_switch]

    assert switches == ["limits", "extra_headers", "test_values"]
