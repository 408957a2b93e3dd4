"""Conversations on a real database, answered by the echo engine."""

import asyncio
import io
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.controller import Controller
from app.conversations import ChatSettings, Conversations
from app.engine.echo import EchoEngine
from app.errors import InvalidRequest, NotFound, PictureError
from app.messages import Delta, Finished, Shortened, Usage
from app.store import Store
from app.store.migrations import MIGRATIONS, m003_clips

pytestmark = pytest.mark.anyio
ME = "local"
PLAIN = ChatSettings()


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Kept(EchoEngine):
    """The echo engine, with the requests it was given."""

    def __init__(self, **options):
        super().__init__(**options)
        self.requests = []
        self.clips = True

    def status(self):
        return replace(super().status(), clips=self.clips)

    def stream(self, request):
        self.requests.append(request)
        return super().stream(request)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def engine():
    return Kept(delay=0.0)


@pytest.fixture
def chats(store, engine):
    return Conversations(store, Controller(engine))


def png(color="red"):
    file = io.BytesIO()
    Image.new("RGB", (20, 10), color).save(file, "PNG")
    return file.getvalue()


async def say(chats, chat, text, digests=(), settings=PLAIN, owner=ME):
    message = await chats.ask(owner, chat, text, digests, settings)
    return message, [event async for event in chats.answer(owner, chat, message)]


async def texts(chats, chat):
    return [(m.role, m.text) for m in (await chats.open(ME, chat)).messages]


async def test_a_message_and_its_answer_are_kept(chats):
    chat = await chats.create(ME)
    _, events = await say(chats, chat, "one two three")
    assert isinstance(events[-1], Finished)
    said = "".join(e.text for e in events if isinstance(e, Delta))
    opened = await chats.open(ME, chat)
    assert [m.text for m in opened.messages] == ["one two three", said]
    assert (
        opened.messages[1].finish_reason == "stop"
        and opened.messages[1].usage.completion_tokens > 0
    )
    assert opened.title == "one two three"


async def test_all_pictures_of_the_path_stay_in_the_context(chats, engine):
    chat = await chats.create(ME)
    red, blue = [(await chats.add_picture(ME, png(c))).digest for c in ("red", "blue")]
    await say(chats, chat, "look", [red])
    await say(chats, chat, "and", [blue, red])
    await say(chats, chat, "so?")
    assert [p.digest for p in engine.requests[-1].pictures] == [red, blue, red]
    assert [len(m.pictures) for m in engine.requests[-1].messages] == [1, 0, 2, 0, 0]
    assert [p.digest for p in (await chats.open(ME, chat)).messages[2].pictures] == [blue, red]


async def test_a_picture_without_a_word_is_asked_about_and_shown_as_it_was_sent(chats, engine):
    chat = await chats.create(ME)
    red, blue = [(await chats.add_picture(ME, png(c))).digest for c in ("red", "blue")]
    await say(chats, chat, " ", [red])
    assert [m.text for m in engine.requests[-1].messages] == ["What do you see?"]
    await say(chats, chat, "and this?", [blue])
    texts = [m.text for m in engine.requests[-1].messages]
    assert (texts[0], texts[2]) == ("What do you see?", "and this?")
    assert (await chats.open(ME, chat)).messages[0].text.strip() == ""


async def test_a_clip_is_kept_with_its_frames(chats, engine):
    from tests.app.films import film

    clip = await chats.add_picture(ME, film(frames=5), "a.mp4")
    thumb = await chats.thumbnail(ME, clip.digest)
    with Image.open(io.BytesIO(thumb)) as small:
        assert small.convert("RGB").getpixel((48, 32)) == pytest.approx((255,) * 3, abs=12)  # play
    chat = await chats.create(ME)
    await say(chats, chat, "", [clip.digest])
    (seen,) = engine.requests[-1].pictures
    assert (seen, len(seen.shown())) == (clip, 5)
    opened = await chats.open(ME, chat)
    assert (opened.title, opened.messages[0].pictures[0].frames) == ("A video", 5)


async def test_a_clip_is_refused_when_it_is_dropped_by_a_model_that_takes_none(chats, engine):
    from tests.app.films import film

    engine.clips = False
    with pytest.raises(PictureError, match=r"a\.mp4 is a video, and this model can't"):
        await chats.add_picture(ME, film(frames=5), "a.mp4")
    await chats.add_picture(ME, png())
    engine.clips = True
    await chats.add_picture(ME, film(frames=5), "a.mp4")


def test_pictures_of_an_older_database_are_no_clips(tmp_path):
    with sqlite3.connect(tmp_path / "older.db") as older:
        for step in MIGRATIONS[:2]:
            step(older)
        older.execute("INSERT INTO pictures VALUES ('me', 'abc', 3, 4, 0, NULL)")
        m003_clips(older)
        assert older.execute("SELECT frames FROM pictures").fetchall() == [(0,)]
    older.close()


async def test_the_message_is_kept_before_anything_is_generated(chats):
    chat = await chats.create(ME)
    await chats.ask(ME, chat, "hello", [], PLAIN)
    assert await texts(chats, chat) == [("user", "hello")]


async def test_another_answer_is_a_version_beside_the_first(chats):
    chat = await chats.create(ME)
    await say(chats, chat, "hi there")
    first = (await chats.open(ME, chat)).messages[1]
    asked = await chats.again(ME, chat, first.id, PLAIN)
    _ = [e async for e in chats.answer(ME, chat, asked)]
    second = (await chats.open(ME, chat)).messages[1]
    assert second.id != first.id and second.versions == (first.id, second.id)
    await chats.switch(ME, chat, first.id)
    assert (await chats.open(ME, chat)).messages[1].id == first.id


async def test_an_edit_keeps_pictures_and_the_old_branch(chats, engine):
    chat = await chats.create(ME)
    red = (await chats.add_picture(ME, png())).digest
    message, _ = await say(chats, chat, "old", [red])
    await say(chats, chat, "more")
    edited = await chats.edit(ME, chat, message, "new", PLAIN)
    _ = [e async for e in chats.answer(ME, chat, edited)]
    assert engine.requests[-1].messages[-1].text == "new"
    assert [p.digest for p in engine.requests[-1].pictures] == [red]
    assert len((await chats.open(ME, chat)).messages) == 2
    await chats.switch(ME, chat, message)
    assert [m.text for m in (await chats.open(ME, chat)).messages if m.role == "user"] == [
        "old",
        "more",
    ]


async def test_only_the_users_messages_can_be_edited(chats):
    chat = await chats.create(ME)
    await say(chats, chat, "x")
    with pytest.raises(InvalidRequest):
        await chats.edit(ME, chat, (await chats.open(ME, chat)).messages[1].id, "y", PLAIN)


async def test_a_stopped_answer_keeps_what_it_said(store):
    chats = Conversations(store, Controller(EchoEngine(delay=0.02)))
    chat = await chats.create(ME)
    message = await chats.ask(ME, chat, "a b c d e f g h i j", [], PLAIN)
    async with aclosing(chats.answer(ME, chat, message)) as events:
        async for event in events:
            if isinstance(event, Delta) and event.text.strip() == "b":
                break
    answer = (await chats.open(ME, chat)).messages[1]
    assert answer.text and answer.finish_reason == "cancelled"
    assert answer.usage is not None  # what it took is shown below it, as of any other
    assert answer.usage.completion_tokens == 2 and answer.usage.tokens_per_second > 0


async def test_a_cancelled_task_keeps_what_it_said(store):
    chats = Conversations(store, Controller(EchoEngine(delay=0.02)))
    chat = await chats.create(ME)
    message = await chats.ask(ME, chat, "a b c d e f g h i j", [], PLAIN)

    async def run():
        async for _ in chats.answer(ME, chat, message):
            pass

    task = asyncio.create_task(run())
    await asyncio.sleep(0.15)
    task.cancel()
    await asyncio.wait([task])
    assert (await chats.open(ME, chat)).messages[1].finish_reason == "cancelled"


class Forgetful(Kept):
    """It has left out two messages."""

    async def stream(self, request):
        yield Shortened(2)
        async for event in super().stream(request):
            if isinstance(event, Delta | Finished):
                event = replace(event, usage=replace(event.usage or Usage(), unseen_messages=2))
            yield event


async def test_it_is_kept_that_an_answer_did_not_see_all(store):
    engine = Forgetful(delay=0.0)
    chats = Conversations(store, Controller(engine))
    for cut in (False, True):  # to its end, and stopped
        chat = await chats.create(ME)
        message = await chats.ask(ME, chat, "a b c d", [], PLAIN)
        async with aclosing(chats.answer(ME, chat, message)) as events:
            async for event in events:
                if cut and isinstance(event, Delta):
                    break
        answer = (await chats.open(ME, chat)).messages[1]
        assert answer.finish_reason == ("cancelled" if cut else "stop")
        assert answer.usage is not None
        assert answer.usage.unseen_messages == 2
    assert all(request.shorten for request in engine.requests)


async def test_settings_are_kept_and_reach_the_engine(chats, engine):
    chat = await chats.create(ME)
    await say(chats, chat, "x", settings=ChatSettings("Be brief.", 0.7, 0.9, 33))
    request = engine.requests[-1]
    assert (request.messages[0].role, request.messages[0].text) == ("system", "Be brief.")
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.max_tokens) == (
        0.7,
        0.9,
        33,
    )
    assert (await chats.open(ME, chat)).settings == ("Be brief.", 0.7, 0.9, 33)


async def test_nothing_is_kept_of_what_can_not_be_answered(chats):
    chat = await chats.create(ME)
    for text, settings in (
        ("  ", PLAIN),
        ("x" * 10**6, PLAIN),
        ("x", ChatSettings("", 9.0, 1.0, 5)),
    ):
        with pytest.raises(InvalidRequest):
            await chats.ask(ME, chat, text, [], settings)
    with pytest.raises(NotFound):
        await chats.ask(ME, chat, "x", ["0" * 64], PLAIN)
    with pytest.raises(PictureError):
        await chats.add_picture(ME, b"no picture", "a.png")
    assert await texts(chats, chat) == []


async def test_other_peoples_things_are_not_there(chats):
    chat = await chats.create(ME)
    message, _ = await say(chats, chat, "secret")
    red = (await chats.add_picture(ME, png())).digest
    for call in (
        chats.open("you", chat), chats.rename("you", chat, "x"), chats.delete("you", chat),
        chats.switch("you", chat, message),
        chats.ask("you", chat, "x", [], PLAIN), chats.edit("you", chat, message, "x", PLAIN),
        chats.again("you", chat, message, PLAIN), chats.picture("you", red),
        chats.thumbnail("you", red),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await call
    with pytest.raises(NotFound):
        _ = [e async for e in chats.answer("you", chat, message)]
    assert await chats.list("you") == []


async def test_chats_are_listed_newest_first_and_found_by_their_words(chats):
    first, second = await chats.create(ME), await chats.create(ME)
    await say(chats, first, "a 100% red star")
    await say(chats, second, "blue circle")
    assert [c.id for c in await chats.list(ME)] == [second, first]
    assert [c.id for c in await chats.list(ME, "star RED")] == [first]
    assert [c.id for c in await chats.list(ME, "100%")] == [first]
    assert await chats.list(ME, "_") == []
    await say(chats, first, "again")
    assert [c.id for c in await chats.list(ME)] == [first, second]


async def test_a_deleted_chat_takes_its_pictures_along_but_not_those_of_others(chats, store):
    one, other = await chats.create(ME), await chats.create(ME)
    red, blue = [(await chats.add_picture(ME, png(c))).digest for c in ("red", "blue")]
    await say(chats, one, "x", [red, blue])
    await say(chats, other, "x", [blue])
    await chats.thumbnail(ME, red)
    await chats.delete(ME, one)
    assert store.pictures._files.digests() == {blue}
    with pytest.raises(NotFound):
        await chats.picture(ME, red)
    assert (await chats.picture(ME, blue)).width == 20


async def test_a_restart_loses_nothing_and_shows_an_unfinished_answer(tmp_path):
    store = Store(tmp_path)
    chat = store.create(ME, PLAIN)
    asked = store.add_question(ME, chat, None, "hello", [], PLAIN)
    half = store.add_answer(ME, chat, asked, "half an ans", "echo")
    store.close()
    again = Store(tmp_path)
    messages = again.open(ME, chat).messages
    assert [(m.text, m.finish_reason) for m in messages] == [("hello", None), ("half an ans", None)]
    assert messages[1].id == half
    again.close()


WRITER = """
    import sys
    from pathlib import Path
    from app.store import Store
    from app.store.records import ChatSettings
    store = Store(Path(sys.argv[1]))
    chat = store.create("local", ChatSettings())
    parent = None
    for number in range(100_000):
        parent = store.add_question("local", chat, parent, f"message {number}", [], ChatSettings())
        print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_killed_process(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": "."},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(40)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    acknowledged = max(int(line) for line in lines if line.endswith("\n"))
    store = Store(tmp_path)
    chat = store.list(ME)[0].id
    assert len(store.open(ME, chat).messages) >= acknowledged + 1
    store.close()


def test_a_full_disk_is_said_and_the_history_stays(tmp_path):
    store = Store(tmp_path)
    chat = store.create(ME, PLAIN)
    store._database._connection.execute("PRAGMA max_page_count = 30")
    with pytest.raises(Exception, match="full"):
        for _ in range(100):
            store.add_question(ME, chat, None, "x" * 4000, [], PLAIN)
    assert store.open(ME, chat).id == chat
    store.close()


def test_files_are_the_owners_alone(tmp_path):
    store = Store(tmp_path / "data")
    assert (tmp_path / "data" / "pictures").stat().st_mode & 0o77 == 0
    store.pictures._files.write("ab" * 32, b"x")
    assert (tmp_path / "data" / "pictures" / "ab" / ("ab" * 32)).stat().st_mode & 0o77 == 0
    store.close()


def test_pictures_without_a_message_go_after_a_day(tmp_path, monkeypatch):
    from app.pictures import read_picture

    store = Store(tmp_path)
    picture = read_picture(png())
    store.pictures.add(ME, picture)
    store.pictures.collect()
    assert store.pictures._files.digests() == {picture.digest}
    monkeypatch.setattr("app.store.picture_store.GRACE", -1)
    store.pictures.collect()
    assert store.pictures._files.digests() == set()
    store.close()
