"""Settings: what is refused, and which names the server answers to."""

from typing import Any

import pytest

from app.errors import SettingsError
from app.settings import Login, Settings, is_loopback

LOGIN = Login("ada", "correct horse battery")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"engine": "gpu"}, "mlx, openai, echo"),
        ({"model": "  "}, "--model is empty"),
        ({"engine": "openai"}, "needs --base-url"),
        ({"engine": "echo", "template": "v1"}, "--template is for --engine mlx"),
        ({"engine": "echo", "memory": 2.0}, "--memory is for --engine mlx"),
        ({"engine": "openai", "base_url": "http://h/v1", "kv_bits": 8}, "--kv-bits is for"),
        ({"engine": "echo", "draft_model": "d"}, "--draft-model is for --engine mlx"),
        ({"kv_bits": 3}, "--kv-bits is 8 or 4"),
        ({"memory": 0.0}, "gigabytes above 0"),
        ({"memory": float("nan")}, "gigabytes above 0"),
        ({"memory": float("inf")}, "gigabytes above 0"),
        ({"base_url": "http://127.0.0.1:8080/v1"}, "is for --engine openai"),
        ({"engine": "openai", "base_url": "ftp://127.0.0.1/v1"}, "--base-url is http(s)"),
        ({"engine": "openai", "base_url": "http://me:secret@host/v1"}, "without a user"),
        ({"engine": "openai", "base_url": "http://[::1/v1"}, "--base-url is http(s)"),
        ({"engine": "openai", "base_url": "http://host:99999/v1"}, "--base-url is http(s)"),
        ({"engine": "openai", "base_url": "http:///v1"}, "--base-url is http(s)"),
        ({"host": ""}, "--host is empty"),
        ({"idle_unload": 0.0}, "--idle-unload is a number of minutes above 0"),
        ({"port": 65536}, "1 to 65535"),
        ({"port": -1}, "1 to 65535"),
        ({"api_key": ""}, "--api-key is"),
        ({"api_key": "two words"}, "--api-key is"),
        ({"api_key": "schlüssel"}, "--api-key is"),
        ({"share": True}, "needs --auth"),
        ({"share": True, "auth": Login("ada", "short")}, "has 5 of the 12 characters"),
        (
            {"share": True, "auth": LOGIN, "api_key": "short"},
            "--api-key has 5 of the 12 characters",
        ),
        ({"host": "0.0.0.0"}, "needs --auth"),
        ({"host": "::"}, "needs --auth"),
        ({"host": "chat.example.org"}, "needs --auth"),
        ({"host": "0.0.0.0", "api_key": "only-the-api"}, "needs --auth"),
    ],
)
def test_unsafe_or_impossible_values_are_refused_in_one_line(
    values: dict[str, Any], part: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"auth": Login("ada", "short"), "api_key": "short"},
        {"host": "localhost"},
        {"host": "127.3.2.1"},
        {"host": "::1"},
        {"host": "0.0.0.0", "auth": Login("ada", "pw")},
        {"share": True, "auth": LOGIN, "api_key": "twelve-chars"},
        {"engine": "openai", "base_url": "https://gpu.example.org:8443/v1"},
        {"port": 0},
    ],
)
def test_safe_values_are_taken(values: dict[str, Any]) -> None:
    settings = Settings(**values)
    assert all(getattr(settings, name) == value for name, value in values.items())


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    shown = repr(Settings(auth=LOGIN, api_key="very-secret-key"))
    assert "battery" not in shown
    assert "very-secret-key" not in shown


def test_the_server_has_loopback_names_and_the_one_it_is_bound_to() -> None:
    assert Settings(host="[::1]").own_names == {"localhost", "127.0.0.1", "::1"}
    lan = Settings(host="192.0.2.7", auth=LOGIN)
    assert lan.own_names == {"localhost", "127.0.0.1", "::1", "192.0.2.7"}


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_every_address_is_no_name(host: str) -> None:
    assert Settings(host=host, auth=LOGIN).own_names == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [("LOCALHOST", True), ("[::1]", True), ("127.0.0.9", True), ("10.0.0.1", False), ("a", False)],
)
def test_loopback_is_told_from_the_rest(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
