"""A program of its own, started by `app.clips`, that takes a video file apart.

Reads the file from standard input, whose container is its argument, and writes some of its frames,
sampled evenly, as one animated WebP to standard output; one that is equal to the frame before is
left out. The exit status says what is wrong with a file. FFmpeg's decoders are a large surface:
what goes wrong in them ends this process alone. Knows nothing of the rest of the program.
"""

import io
import resource
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

FRAMES = 8  # OneVision was trained on 32 at most; each takes 196 tokens of the context
LONGEST_SIDE = 768  # pixels, of a kept frame: the tower sees 384 by 384
MOST_PIXELS = 4096 * 2304  # of a frame in the file
MOST_MINUTES = 10
MOST_PACKETS = MOST_MINUTES * 60 * 60  # frames at 60 a second
MEMORY = 3 << 30  # bytes of addresses
SECONDS = 60  # of a processor
PLAYS = 4800  # milliseconds, once: the page needs no button to stop what moves less than 5 s
CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "prores")
UNREADABLE, TOO_LONG, TOO_LARGE, UNKNOWN_CODEC = range(3, 7)  # exit statuses


class Refusal(Exception):
    """The file isn't read; `args[0]` is the exit status that says why."""


def main() -> None:
    """One file in, one animation out."""
    _confine()
    data = sys.stdin.buffer.read()
    try:
        animation = _animation(list(_frames(data, sys.argv[1])))
    except Refusal as refusal:
        sys.exit(refusal.args[0])
    except Exception:  # decoders raise what they like
        sys.exit(UNREADABLE)
    sys.stdout.buffer.write(animation)


def sample(count: int) -> list[int]:
    """Which of `count` frames are taken: evenly, the first and the last among them."""
    if count <= FRAMES:
        return list(range(count))
    return [place * (count - 1) // (FRAMES - 1) for place in range(FRAMES)]


def _confine() -> None:
    """No more memory and time than a clip needs, no files. A Mac doesn't bound memory so."""
    bounds = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound))


def _open(data: bytes, container: str) -> Any:
    import av

    # The container is given: others, such as playlists, would open further files.
    return av.open(io.BytesIO(data), format=container, metadata_errors="ignore")


def _video(file: Any) -> Any:
    """The stream of pictures, if it is one that is read."""
    if not file.streams.video:
        raise Refusal(UNREADABLE)
    stream = file.streams.video[0]
    codec = stream.codec_context
    if codec.codec.canonical_name not in CODECS:
        raise Refusal(UNKNOWN_CODEC)
    if codec.width * codec.height > MOST_PIXELS:
        raise Refusal(TOO_LARGE)
    codec.options = {"max_pixels": str(MOST_PIXELS)}  # it may grow later in the file
    stream.thread_type = "AUTO"
    return stream


def _times(data: bytes, container: str) -> tuple[list[int], list[int]]:
    """When each frame is shown, and when those are that stand by themselves. Decodes nothing."""
    times, keys = [], []
    with _open(data, container) as file:
        for packet in file.demux(_video(file)):
            time = packet.dts if packet.pts is None else packet.pts
            if time is None or packet.is_discard:
                continue
            times.append(time)
            if packet.is_keyframe:
                keys.append(time)
            if (
                len(times) > MOST_PACKETS
                or packet.time_base * (time - times[0]) > MOST_MINUTES * 60
            ):
                raise Refusal(TOO_LONG)
    return sorted(times), sorted(keys)


def _frames(data: bytes, container: str) -> Iterator[Any]:
    """The sampled frames, upright and small, as Pillow's."""
    times, keys = _times(data, container)
    with _open(data, container) as file:
        stream = _video(file)
        decoded, now = file.decode(stream), None
        for place in sample(len(times)):
            wanted = times[place]
            key = keys[bisect_right(keys, wanted) - 1] if keys and keys[0] <= wanted else None
            if now is not None and key is not None and key > now:
                file.seek(key, stream=stream)  # nothing before it is needed
                decoded = file.decode(stream)
            frame = next((f for f in decoded if f.pts is not None and f.pts >= wanted), None)
            if frame is None:
                return  # the file promised more than it holds
            now = frame.pts
            yield _small(frame)


def _small(frame: Any) -> Any:
    if frame.width * frame.height > MOST_PIXELS:
        raise Refusal(TOO_LARGE)
    share = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(1, round(side * share)) for side in (frame.width, frame.height))
    image = frame.to_image(width=width, height=height, interpolation="BICUBIC")
    return image.rotate(frame.rotation, expand=True)  # telephones are held upright


def _animation(frames: Sequence[Any]) -> bytes:
    if not frames:
        raise Refusal(UNREADABLE)
    file = io.BytesIO()
    options = {"quality": 90, "method": 2, "kmin": 0, "kmax": 1}
    pause = PLAYS // FRAMES
    first, rest = frames[0], frames[1:]
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=pause, loop=1, **options)
    return file.getvalue()


if __name__ == "__main__":
    main()
