"""`ask`, as a function on the echo engine, and as the command on a real LLaVA."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from app import ask
from app.errors import ChatError, InvalidRequest, PictureError, SettingsError
from app.messages import ChatRequest, Message, Sampling
from app.pictures import MOST_BYTES, read_picture
from app.settings import Settings
from tests.app.engine.model_thread import Cold, write_speaker

ECHO = Settings(engine="echo")
ROOT = Path(__file__).resolve().parents[2]


def save(path: Path, color: str = "red", size: tuple[int, int] = (30, 20)) -> str:
    Image.new("RGB", size, color).save(path)
    return str(path)


class Typed:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_the_answer_is_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [save(tmp_path / "a.png"), save(tmp_path / "b c.jpg", size=(40, 50))]
    assert ask.run(ECHO, images, "what is this") == 0
    said = capsys.readouterr()
    assert said.out == "[picture 30x20] [picture 40x50] what is this\n"
    assert said.err == ""


def test_a_video_is_asked_about_like_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.app.films import film

    (tmp_path / "a.webm").write_bytes(film("libvpx", "webm", frames=3))
    assert ask.run(ECHO, [str(tmp_path / "a.webm")], "look") == 0
    assert capsys.readouterr().out == "[clip of 3 frames 96x64] look\n"


def test_a_question_needs_no_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask.run(ECHO, [], "hello") == 0
    assert capsys.readouterr().out == "hello\n"


def test_a_picture_may_come_by_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(save(tmp_path / "a.png")).read_bytes()
    monkeypatch.setattr(sys, "stdin", Typed(data))
    assert ask.run(ECHO, ["-"], "look") == 0
    assert capsys.readouterr().out == "[picture 30x20] look\n"


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (["no such.png"], r"no such.png can't be read: No such file"),
        (["."], "can't be read: Is a directory"),
        (["a\0b"], "can't be read"),
        (["-", "-"], "give it once"),
        (["-"], "Standard input is empty"),
    ],
)
def test_a_picture_that_can_not_be_read_is_said(
    images: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(b""))
    with pytest.raises(PictureError, match=said):
        ask.run(ECHO, images, "look")


def test_no_more_is_read_than_a_picture_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Typed(b"x" * (MOST_BYTES + 1000))
    monkeypatch.setattr(sys, "stdin", endless)
    with pytest.raises(PictureError, match="25 MB at most"):
        ask.run(ECHO, ["-"], "look")
    assert endless.buffer.tell() == MOST_BYTES + 1


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        ask.run(ECHO, [], " ")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(SettingsError):
        ask.run(Settings(model="no-such-model"), [], "hello")


def test_a_model_that_can_not_be_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match=r"config\.json"):
        ask.run(Settings(model=str(tmp_path)), [], "hello")


def test_whoever_closes_the_pipe_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert ask.run(ECHO, [], "hello") == 1


def test_nothing_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ask.run(ECHO, [], "one\x1b[2Jtwo\n\tthree\x9b5n\r\x07")
    assert capsys.readouterr().out == "one[2Jtwo\n\tthree5n\n"


def test_an_answer_that_is_cut_says_so_to_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert ask.run(ECHO, [], "word " * 600) == 0
    assert "ends at its limit of length" in capsys.readouterr().err


def command(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    line = [sys.executable, "-m", "app", "ask", *arguments]
    return subprocess.run(line, capture_output=True, cwd=ROOT, timeout=120)


def test_the_command_answers_about_the_picture_as_a_cold_run_does(tmp_path: Path) -> None:
    folder = write_speaker(tmp_path / "tiny")
    image = save(tmp_path / "a.png", "blue")
    ended = command("--model", str(folder), "--image", image, "what is this")
    request = ChatRequest(
        (Message("user", "what is this", (read_picture(Path(image).read_bytes()),)),),
        Sampling(temperature=0, max_tokens=40),
    )
    beginning, _ = Cold(folder).answer(request)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode().startswith(beginning)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--engine", "echo", "--image", "none.png", "look"], 1),
        (["--engine", "echo", ""], 1),
        (["--model", "no-such-model", "hello"], 2),
        (["--model", "tests", "hello"], 1),
        ([], 2),
    ],
)
def test_the_commands_errors_are_one_line_and_a_status(arguments: list[str], status: int) -> None:
    ended = command(*arguments)
    assert ended.returncode == status
    assert ended.stdout == b""
    assert ended.stderr.startswith(b"LLaVA Chat: ")
    assert ended.stderr.count(b"\n") == 1


def test_who_closes_the_pipe_gets_no_complaint() -> None:
    line = f"{sys.executable} -m app ask --engine echo '{'word ' * 400}' | head -c 5"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, cwd=ROOT, timeout=60
    )
    assert ended.stdout == b"word "
    assert ended.stderr == b""
