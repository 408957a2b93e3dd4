"""Gets a model ready on the model thread: MLX's settings, the checkpoint, caches and their bounds.

Imported by that thread alone, since what it imports takes seconds.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx

import model
from app.engine.base import Progress, Watch
from app.engine.feature_cache import FeatureCache
from app.engine.prefix_cache import PrefixCache
from app.engine.preparation import Preparation
from app.engine.prompt_reader import Caches
from app.engine.scheduler import Scheduler
from model import hub
from model.errors import CheckpointError
from model.generation import CHUNK, generate
from model.llava import Llava
from model.sampling import allowed_tokens
from model.weights import stored_tensors

log = logging.getLogger(__name__)

GPU_CHUNK = 512  # tokens; a CPU reads CHUNK in the time a GPU reads this
CONVERSATIONS = 8  # whole contexts that the prefix cache may hold
PICTURES = 64  # of which the visual tokens are kept
_CPU_BUFFERS = 64 << 20  # bytes that MLX may keep to use again


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with what serves it."""

    scheduler: Scheduler
    preparation: Preparation


def load(source: str, watch: Watch, *, template: str | None = None) -> Loaded:
    """Load a checkpoint from a folder or repository. Raises CheckpointError, TemplateError.

    `watch` is given what tells the progress, which may be called from any thread.
    """
    begun = time.monotonic()
    _set_up_mlx()
    with suppress(CheckpointError):  # what is wrong is said by the loading itself
        watch(_reading(_folder(source, watch)))
    llava = model.load(source, template=template)
    loaded = serve(llava)
    _warm_up(llava)
    log.info("loaded %s in %.1f s", llava.name, time.monotonic() - begun)
    return loaded


def serve(llava: Llava) -> Loaded:
    """Caches and scheduler for a model."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    context = llava.config.context_length * bytes_per_token(llava)
    features = FeatureCache(PICTURES * llava.visual_tokens * llava.config.text["hidden_size"] * 4)
    caches = Caches(PrefixCache(min(CONVERSATIONS * context, memory // 4)), features)
    chunk = CHUNK if on_cpu() else GPU_CHUNK
    return Loaded(Scheduler(llava, caches, chunk=chunk), Preparation(llava, features))


def bytes_per_token(llava: Llava) -> int:
    """What the keys and values of one token take."""
    text = llava.config.text
    values = 2 * text["num_hidden_layers"] * text["num_key_value_heads"] * text["head_dim"]
    return int(values) * (4 if on_cpu() else 2)


def _folder(source: str, watch: Watch) -> Path:
    """The checkpoint's folder; what isn't on this machine yet is downloaded, as `watch` can see."""
    here = hub.local_folder(source) or hub.cached(source)
    if here is not None:
        return here
    bytes_now = [0, 0]

    def tell(done: int, total: int) -> None:
        bytes_now[:] = done, total

    watch(lambda: Progress("downloading", *bytes_now))
    return hub.pull(source, tell)


def _reading(folder: Path) -> Callable[[], Progress]:
    """How much of a checkpoint's weights is in memory, in bytes of its files."""
    before = mx.get_active_memory()
    stored = stored_tensors(folder).values()
    total = sum(path.stat().st_size for path in {tensor.path for tensor in stored})
    # On a CPU they become float32; elsewhere they stay as they are, two bytes mostly.
    expected = max(1, sum(math.prod(t.shape) for t in stored) * (4 if on_cpu() else 2))

    def progress() -> Progress:
        share = min(1.0, max(0, mx.get_active_memory() - before) / expected)
        return Progress("loading", int(share * total), total)

    return progress


def on_cpu() -> bool:
    return mx.default_device().type == mx.cpu


def _set_up_mlx() -> None:
    if on_cpu():
        # On a CPU it would have g++ build kernels, into a folder that others may write to, and
        # gain nothing.
        mx.disable_compile()
        mx.set_cache_limit(_CPU_BUFFERS)
        return
    wired = mx.device_info().get("max_recommended_working_set_size")
    if wired:
        mx.set_wired_limit(int(wired))


def _warm_up(llava: Llava) -> None:
    """Answer once before anybody asks: a first time is slower everywhere."""
    size = llava.config.text["vocab_size"]
    allowed = allowed_tokens(size, size)
    for _ in generate(llava.network, [0, 0], [], allowed, most=2):
        pass
