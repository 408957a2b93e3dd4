"""The command line: forms, the environment, and errors of one line."""

from dataclasses import fields
from pathlib import Path

import pytest

from app.command_line import read
from app.errors import SettingsError
from app.settings import Login, Question, Settings


def test_nothing_said_means_the_bundled_model_on_loopback() -> None:
    assert read([], {}) == (Settings(), None)
    assert Settings().host == "127.0.0.1"
    assert Settings().data_dir.name == "llava-chat"


def test_every_option_reaches_the_settings(tmp_path: Path) -> None:
    line = (
        "--model llava-1.5-7b --host ::1 --port 8000 --allowed-hosts A.example,[::1] --share "
        "--auth ada:a:very:long:password --api-key twelve-chars --engine openai "
        f"--base-url http://127.0.0.1:8080/v1 --data-dir {tmp_path}"
    )
    settings, question = read(line.split(), {})
    assert question is None
    assert settings == Settings(
        model="llava-1.5-7b",
        host="::1",
        port=8000,
        allowed_hosts=("a.example", "::1"),
        share=True,
        auth=Login("ada", "a:very:long:password"),
        api_key="twelve-chars",
        engine="openai",
        base_url="http://127.0.0.1:8080/v1",
        data_dir=tmp_path,
    )


def test_every_option_is_an_environment_variable_too(tmp_path: Path) -> None:
    environment = {
        "LLAVA_CHAT_MODEL": "m",
        "LLAVA_CHAT_HOST": "0.0.0.0",
        "LLAVA_CHAT_PORT": "8000",
        "LLAVA_CHAT_ALLOWED_HOSTS": "a.example",
        "LLAVA_CHAT_SHARE": "Yes",
        "LLAVA_CHAT_AUTH": "ada:very-long-password",
        "LLAVA_CHAT_API_KEY": "twelve-chars",
        "LLAVA_CHAT_ENGINE": "openai",
        "LLAVA_CHAT_BASE_URL": "http://127.0.0.1/v1",
        "LLAVA_CHAT_DATA_DIR": str(tmp_path),
    }
    settings, _ = read([], environment)
    assert settings == Settings(
        model="m",
        host="0.0.0.0",
        port=8000,
        allowed_hosts=("a.example",),
        share=True,
        auth=Login("ada", "very-long-password"),
        api_key="twelve-chars",
        engine="openai",
        base_url="http://127.0.0.1/v1",
        data_dir=tmp_path,
    )


def test_the_command_line_wins_over_the_environment() -> None:
    settings, _ = read(["--port", "1"], {"LLAVA_CHAT_PORT": "2", "LLAVA_CHAT_SHARE": "off"})
    assert settings.port == 1


def test_an_empty_variable_is_no_setting() -> None:
    settings, _ = read([], {"LLAVA_CHAT_PORT": "", "LLAVA_CHAT_AUTH": "", "LLAVA_CHAT_SHARE": ""})
    assert settings == Settings()


def test_a_home_folder_in_a_variable_is_found() -> None:
    settings, _ = read([], {"LLAVA_CHAT_DATA_DIR": "~/chats"})
    assert settings.data_dir == Path.home() / "chats"


def test_ask_carries_the_question_and_its_pictures() -> None:
    settings, question = read(["ask", "--image", "a.png", "--image", "-", "How many?"], {})
    assert settings == Settings()
    assert question == Question("How many?", ("a.png", "-"))


def test_ask_takes_the_model_before_and_after_its_name() -> None:
    before, _ = read(["--model", "m", "ask", "q"], {})
    after, _ = read(["ask", "--model", "m", "q"], {"LLAVA_CHAT_MODEL": "other"})
    assert before.model == after.model == "m"


def test_a_template_is_chosen_by_option_or_variable() -> None:
    for arguments, environment in (
        (["--template", "llava_v0"], {}),
        ([], {"LLAVA_CHAT_TEMPLATE": "llava_v0"}),
        (["ask", "--template", "llava_v0", "q"], {"LLAVA_CHAT_TEMPLATE": "v1"}),
    ):
        assert read(arguments, environment)[0].template == "llava_v0"
    assert read([], {})[0].template is None


def test_keys_and_values_are_quantised_by_option_or_variable() -> None:
    assert read(["--kv-bits", "8"], {})[0].kv_bits == 8
    assert read(["ask", "q"], {"LLAVA_CHAT_KV_BITS": "4"})[0].kv_bits == 4


def test_a_draft_model_is_named_by_option_or_variable() -> None:
    assert read(["--draft-model", "d"], {})[0].draft_model == "d"
    assert read(["ask", "q"], {"LLAVA_CHAT_DRAFT_MODEL": "d"})[0].draft_model == "d"


def test_memory_is_given_in_gigabytes() -> None:
    assert read(["--memory", "2.5"], {})[0].memory == 2.5
    assert read(["ask", "q"], {"LLAVA_CHAT_MEMORY": "0.5"})[0].memory == 0.5


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("--memory much", "not 'much'"),
        ("--kv-bits x", "give 8 or 4, not 'x'"),
        ("--kv-bits 5", "--kv-bits is 8 or 4"),
        ("--port eighty", "not 'eighty'"),
        ("--port ٨٠", "a port is a number"),
        ("--port", "expected one argument"),
        ("--auth ada", "USER:PASSWORD"),
        ("--auth :password", "USER:PASSWORD"),
        ("--auth ada:", "USER:PASSWORD"),
        ("--allowed-hosts *", "without port or *"),
        ("--allowed-hosts a.example:80", "without port"),
        ("--shar", "--shar"),
        ("serve", "serve"),
        ("ask", "question"),
    ],
)
def test_a_line_that_does_not_fit_is_named_in_one_line(line: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(line.split(), {})
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_switch_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(SettingsError, match="LLAVA_CHAT_SHARE is on or off, not 'maybe'"):
        read([], {"LLAVA_CHAT_SHARE": "maybe"})


def test_help_names_every_option_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read(["--help"], {"LLAVA_CHAT_AUTH": "ada:hidden-password", "LLAVA_CHAT_API_KEY": "hid"})
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert "hid" not in shown
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')} " in shown


def test_the_time_of_rest_is_in_minutes() -> None:
    assert read(["--idle-unload", "2.5"], {})[0].idle_unload == 2.5
    assert read([], {"LLAVA_CHAT_IDLE_UNLOAD": "30"})[0].idle_unload == 30
    for wrong in ("soon", "inf", "nan"):
        with pytest.raises(SettingsError, match="a number of minutes"):
            read(["--idle-unload", wrong], {})
