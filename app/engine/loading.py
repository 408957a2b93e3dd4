"""Gets a model ready on the model thread: MLX's settings, the checkpoint, caches and their bounds.

Imported by that thread alone, since what it imports takes seconds.
"""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_reduce

import model
from app.engine.base import GB, Progress, Watch
from app.engine.feature_cache import FeatureCache
from app.engine.memory import LEAST_TOKENS, STEP, Memory, default_limit, wire
from app.engine.prefix_cache import PrefixCache
from app.engine.preparation import Preparation
from app.engine.prompt_reader import Caches
from app.engine.scheduler import Scheduler
from model import hub
from model.devices import on_cpu
from model.draft import DraftModel
from model.draft_checkpoint import load_draft
from model.errors import CheckpointError
from model.generation import CHUNK, generate
from model.kv_cache import Packing, packing_for, token_bytes
from model.llava import Llava
from model.quantization import is_quantized
from model.sampling import allowed_tokens
from model.weights import stored_tensors

log = logging.getLogger(__name__)

GPU_CHUNK = 512  # tokens; a CPU reads CHUNK in the time a GPU reads this
GPU_TILES = 8  # of pictures, looked at together; on a CPU the others would only wait for it
CONVERSATIONS = 8  # whole contexts that the prefix cache may hold
PICTURES = 64  # of one tile, of which the visual tokens are kept
# On a CPU a quantised matrix is written out again for every chunk: fewer of them, and room for it.
CPU_QUANTIZED_CHUNK = 2 * CHUNK
_CPU_BUFFERS = 64 << 20  # bytes that MLX may keep to use again
_CPU_QUANTIZED_BUFFERS = 256 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with what serves it."""

    scheduler: Scheduler
    preparation: Preparation


def load(
    source: str,
    watch: Watch,
    *,
    template: str | None = None,
    memory: int | None = None,
    kv_bits: int | None = None,
    draft: str | None = None,
) -> Loaded:
    """Load a checkpoint from a folder or repository. Raises CheckpointError, TemplateError.

    `watch` is given what tells the progress, which may be called from any thread; `memory` bytes
    are for the keys and values of conversations, which `kv_bits` quantises; `draft` is the folder
    or repository of a small model that guesses ahead.
    """
    begun = time.monotonic()
    _set_up_mlx()
    with suppress(CheckpointError):  # what is wrong is said by the loading itself
        watch(_reading(_folder(source, watch)))
    llava = model.load(source, template=template)
    if on_cpu() and is_quantized(llava.network):
        mx.set_cache_limit(_CPU_QUANTIZED_BUFFERS)
    draft_model = load_draft(draft, llava.tokenizer) if draft else None
    loaded = serve(llava, memory, kv_bits, draft_model)
    _warm_up(llava)
    log.info("loaded %s in %.1f s", llava.name, time.monotonic() - begun)
    return loaded


def serve(
    llava: Llava,
    limit: int | None = None,
    kv_bits: int | None = None,
    draft: DraftModel | None = None,
) -> Loaded:
    """Caches and scheduler for a model; `limit` bytes are for keys and values of `kv_bits`."""
    packing = packing_for(llava.config.text, kv_bits) if kv_bits else None
    memory = _memory(llava, limit, packing, draft)
    context = llava.config.context_length * memory.per_token
    features = FeatureCache(
        PICTURES * llava.config.visual_tokens * llava.config.text["hidden_size"] * 4
    )
    drafts = PrefixCache(CONVERSATIONS * llava.config.context_length * memory.draft_per_token)
    caches = Caches(PrefixCache(CONVERSATIONS * context), features, packing, drafts)
    tiles = 1 if on_cpu() else GPU_TILES
    scheduler = Scheduler(llava, caches, memory, chunk=chunk_for(llava), tiles=tiles, draft=draft)
    return Loaded(scheduler, Preparation(llava, features, memory))


def chunk_for(llava: Llava) -> int:
    """Tokens of a prompt that are read at once, while others wait for their next ones."""
    if not on_cpu():
        return GPU_CHUNK
    return CPU_QUANTIZED_CHUNK if is_quantized(llava.network) else CHUNK


def _memory(
    llava: Llava, limit: int | None, packing: Packing | None, draft: DraftModel | None
) -> Memory:
    """What conversations may take. Raises CheckpointError where that is next to nothing."""
    models = [llava.network] + ([draft.language_model] if draft else [])
    weights = tree_reduce(lambda s, a: s + a.nbytes, [m.parameters() for m in models], 0)
    embedded = llava.network.embed(mx.array([0]))  # of the type that everything is computed in
    per_token = token_bytes(llava.config.text, embedded.dtype, packing)
    of_draft = draft.token_bytes if draft else 0
    per_token += of_draft
    least = (min(LEAST_TOKENS, llava.config.context_length) + STEP) * per_token
    if limit is not None and limit < least:
        raise CheckpointError(
            f"--memory has no room for a conversation with this model: give it "
            f"{math.ceil(100 * least / GB) / 100} or more."
        )
    return Memory(limit or default_limit(weights, per_token), per_token, weights, of_draft)


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
    # Elsewhere they stay as they are; on a CPU they become float32, and packed words have 4 bytes.
    expected = 4 * sum(math.prod(t.shape) for t in stored) if on_cpu() else total

    def progress() -> Progress:
        share = min(1.0, max(0, mx.get_active_memory() - before) / max(1, expected))
        return Progress("loading", int(share * total), total)

    return progress


def _set_up_mlx() -> None:
    if on_cpu():
        # On a CPU it would have g++ build kernels, into a folder that others may write to, and
        # gain nothing.
        mx.disable_compile()
        mx.set_cache_limit(_CPU_BUFFERS)
        return
    wire()


def _warm_up(llava: Llava) -> None:
    """Answer once before anybody asks: a first time is slower everywhere."""
    size = llava.config.text["vocab_size"]
    allowed = allowed_tokens(size, size)
    for _ in generate(llava.network, [0, 0], [], allowed, most=2):
        pass
