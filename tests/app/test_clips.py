"""Video files of every kind become clips; damaged and hostile ones are refused in one sentence."""

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import clips, frame_reader
from app.clips import container_of, read_clip
from app.errors import PictureError
from app.messages import Picture
from app.pictures import MOST_BYTES
from tests.app.films import av, film, greys


def read(data: bytes, name: str = "film.mp4") -> Picture:
    container = container_of(data)
    assert container is not None
    return read_clip(data, container, name)


def evenly(frames: int) -> list[int]:
    """What the original takes, and the grey values that these frames of a `film` have."""
    taken = np.linspace(0, frames - 1, frame_reader.FRAMES, dtype=int)
    return [int(number) * 255 // (frames - 1) for number in taken]


@pytest.mark.parametrize(
    ("codec", "container"),
    [
        ("libx264", "mp4"),
        ("libx264", "mov"),
        ("libx264", "matroska"),
        ("libx265", "mp4"),
        ("libvpx", "webm"),
        ("libvpx-vp9", "webm"),
        ("libsvtav1", "mp4"),
        ("mpeg4", "avi"),
        ("mjpeg", "avi"),
        ("prores", "mov"),
    ],
)
def test_eight_frames_are_taken_evenly_from_any_usual_file(codec: str, container: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV doesn't write {codec}")
    clip = read(film(codec, container))
    shown = clip.shown()
    assert isinstance(shown, list)
    assert (len(shown), clip.frames, clip.width, clip.height) == (8, 8, 96, 64)
    assert np.abs(np.subtract(greys(shown), evenly(40))).max() <= 8


@pytest.mark.parametrize("keys", [1, 7, 200])
def test_frames_are_found_wherever_the_file_can_be_entered(keys: int) -> None:
    shown = read(film(frames=101, keys=keys)).shown()
    assert np.abs(np.subtract(greys(shown), evenly(101))).max() <= 8


@pytest.mark.parametrize(("codec", "container"), [("libvpx", "webm"), ("libx264", "mp4")])
def test_what_a_browser_recorded_is_read(codec: str, container: str) -> None:
    shown = read(film(codec, container, frames=101, recorded=True)).shown()
    assert np.abs(np.subtract(greys(shown), evenly(101))).max() <= 8


@pytest.mark.parametrize("frames", [1, 2, 5, 8])
def test_a_short_clip_has_all_its_frames_once(frames: int) -> None:
    assert read(film(frames=frames)).frames == frames


def test_samples_are_those_of_the_original() -> None:
    for count in range(9, 3000):
        assert frame_reader.sample(count) == list(np.linspace(0, count - 1, 8, dtype=int)), count


def test_a_clip_is_kept_as_one_animation_that_plays_once() -> None:
    clip = read(film(size=(1200, 300)))
    assert (clip.width, clip.height) == (768, 192)
    with Image.open(io.BytesIO(clip.data)) as kept:
        kept.load()
        assert (kept.format, kept.info["loop"]) == ("WEBP", 1)
        assert kept.info["duration"] * 8 < 5000
    first = clip.open()
    assert first.size == (768, 192)
    assert greys([first]) == greys(clip.shown()[:1])  # type: ignore[index]


def test_the_same_film_has_the_same_digest_and_another_another() -> None:
    one = read(film())
    assert one.digest == read(film()).digest
    assert one.digest != read(film(frames=30)).digest
    assert len(one.digest) == 64


def test_a_film_of_a_telephone_held_upright_is_upright() -> None:
    data = bytearray(film())
    at = data.index(b"tkhd") + 44  # the matrix that says how to show it: a quarter to the right
    data[at : at + 20] = struct.pack(">5i", 0, 1 << 16, 0, -1 << 16, 0)
    clip = read(bytes(data))
    assert (clip.width, clip.height) == (64, 96)
    red = [clip.open().getpixel((32, y)) for y in (10, 85)]
    assert red[0][0] > 150 > red[1][0]  # type: ignore[index]


def test_what_is_no_video_is_none() -> None:
    for data in (
        b"",
        b"GIF89a",
        b"\x89PNG",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"#EXTM3U\nfile:///etc/passwd",
    ):
        assert container_of(data) is None
    for brand in (b"heic", b"mif1", b"avif", b"avis"):
        assert container_of(b"\0\0\0\x18ftyp" + brand) is None


def huge_table() -> bytes:
    """A file that promises 268 million frames in a few bytes."""
    data = bytearray(film())
    sizes, places = data.index(b"stsz"), data.index(b"stsc")
    data[sizes + 8 : sizes + 16] = struct.pack(">II", 1, 2**28)
    data[places + 16 : places + 20] = struct.pack(">I", 2**28)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: film()[:1500], "could not be read"),
        (lambda: b"\0\0\0\x18ftypisom" + random.Random(0).randbytes(5000), "could not be read"),
        (lambda: b"\x1aE\xdf\xa3", "could not be read"),
        (lambda: b"RIFF\0\0\0\0AVI LIST", "could not be read"),
        (huge_table, "could not be read"),
        (lambda: film(frames=1000, rate=1), "longer than 10 minutes"),
        (lambda: film(frames=1, size=(4098, 2306)), "larger frames than 4K"),
        (lambda: film("ffv1", "matroska"), "can't be read. Save it as H.264"),
        (lambda: b"\0\0\0\x18ftypisom" + bytes(MOST_BYTES), "25 MB at most"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(data, message: str) -> None:
    with pytest.raises(PictureError, match=message) as refusal:
        read(data())
    assert str(refusal.value).startswith("film.mp4 ")
    assert "\n" not in str(refusal.value)


def test_a_damaged_file_is_refused_or_read_and_nothing_else() -> None:
    whole, lots = film(), random.Random(3)
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(40):
            damaged[lots.randrange(40, len(damaged))] = lots.randrange(256)
        try:
            assert 1 <= read(bytes(damaged)).frames <= 8
        except PictureError as error:
            assert "film.mp4" in str(error)


def test_a_reader_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = tmp_path / "endless.py"
    endless.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(clips, "_READER", endless)
    monkeypatch.setattr(clips, "_SECONDS", 0.2)
    with pytest.raises(PictureError, match="takes too long"):
        read(film())


def test_the_reader_has_no_secrets_and_writes_no_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "told.py"
    told = tmp_path / "told"
    source = Path(frame_reader.__file__).read_text()
    program.write_text(
        source.replace(
            "    data = sys.stdin.buffer.read()\n",
            "    import os\n    assert not [k for k in os.environ if 'LLAVA' in k]\n"
            f"    open({str(told)!r}, 'w').write('x' * 9000)\n",
        )
    )
    monkeypatch.setenv("LLAVA_CHAT_API_KEY", "a-secret")
    monkeypatch.setattr(clips, "_READER", program)
    with pytest.raises(PictureError, match="could not be read"):
        read(film())
    assert told.exists()  # it came so far: the environment is empty
    assert told.read_bytes() == b""


def test_without_pyav_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = film()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PictureError, match=r"film\.mp4 is a video.*requirements-video\.txt"):
        read(data)
