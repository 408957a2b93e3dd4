"""Where the time goes: the parts of our engine in one thread, and the products they are made of.

Unlike `benchmarks/ours.py` it reaches into the engine: the scheduler is stepped by hand, beside the
bare network that does the same work.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import model  # loads OpenBLAS before MLX

# isort: split
import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import BatchKVCache, KVCache
from PIL import Image

from app.engine.loading import chunk_for
from app.engine.loading import serve as serve_engine
from app.engine.outbox import Outbox
from app.messages import ChatRequest, Message, Sampling
from benchmarks import work
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, serve
from model.devices import in_bulk
from model.generation import Prefill
from model.llava import Llava

BLOCKS = 5  # readings of a question
PAIRS, STEPS = 20, 8  # of so many steps of the engine, and of the bare network, by turns


class Parts:
    def __init__(self, checkpoint: str) -> None:
        mx.disable_compile()  # as the engine has it on a CPU
        mx.set_cache_limit(64 << 20)
        self._checkpoint = checkpoint
        self._llava: Llava = model.load(checkpoint)

    def start(self) -> Answer:
        return {"versions": versions(("mlx", "mlx-lm", "scipy-openblas32"))}

    def cost(self, count: int) -> Answer:
        """(j): milliseconds of a step of the scheduler, and of the bare network beside it."""
        return asyncio.run(self._cost(count))

    def first(self, picture: str) -> Answer:
        """(a): milliseconds of what happens until the first token, each alone."""
        llava, network = self._llava, self._llava.network
        image = Image.open(picture).convert("RGB")
        view = llava.config.views([(image.height, image.width)])[0]
        tiles = llava.image_processor.tiles(image, view)
        [visual] = llava.encode_tiles([tiles], [view])
        prompt = llava.tokenizer.encode_rendered(work.render([], work.question(0)))
        mark = llava.config.image_token_index
        place = prompt.index(mark)
        ids = [*prompt[:place], *[mark] * llava.config.visual_tokens, *prompt[place + 1 :]]
        embeddings = network.embed(mx.array(ids), [visual])
        mx.eval(visual, embeddings)
        return {
            "image processor": _ms(lambda: llava.image_processor(image)),
            "vision tower and projector": _ms(lambda: llava.encode_tiles([tiles], [view])),
            "the tower's products alone": _ms(lambda: _multiply(self._vision_layers(), 257)),
            "prefill": _ms(lambda: self._prefill(embeddings, [])),
            "the prefill's products alone": _ms(lambda: self._read_products(len(ids))),
        }

    def follow(self) -> Answer:
        """(c): milliseconds of reading a second question, and of its products."""
        llava = self._llava
        ids = llava.tokenizer.encode_rendered(f"{work.END}USER: {work.question(1)} ASSISTANT:")
        embeddings = llava.network.embed(mx.array(ids))
        before = mx.random.normal((work.PROMPT, embeddings.shape[1]))
        mx.eval(embeddings, before)

        def question() -> float:
            cache = _new_cache(llava)
            self._prefill(before, cache)
            return _ms(lambda: self._prefill(embeddings, cache), 1)

        return {
            "prefill": median(question() for _ in range(BLOCKS)),
            "its products alone": _ms(lambda: self._read_products(len(ids))),
        }

    def packed(self, bits: int, lengths: Sequence[int]) -> Answer:
        """Milliseconds of reading prompts with `bits` a weight, and with float32 by turns."""
        packed = model.load(self._checkpoint, quantize=bits)
        before = mx.set_cache_limit(256 << 20)  # as it is served
        told: Answer = {}
        for tokens in lengths:
            embeddings = packed.network.embed(mx.zeros(tokens, mx.int32))
            mx.eval(embeddings)
            times: dict[str, list[float]] = {"packed": [], "plain": []}
            for _ in range(PAIRS // 2):
                for name, llava in (("packed", packed), ("plain", self._llava)):
                    times[name].append(_ms(partial(_read, llava, embeddings, []), 1))
            told |= {f"{name} {tokens}": median(taken) for name, taken in times.items()}
        mx.set_cache_limit(before)
        return told

    def step(self) -> Answer:
        """(f): milliseconds of a decode step of one row, and of its products."""
        layers, head = self._text_layers()
        cache = _new_cache(self._llava)
        ids = mx.zeros((1, 298), mx.int32)
        mx.eval(self._llava.network(ids, cache=cache))
        one = mx.zeros((1, 1), mx.int32)
        return {
            "step": _ms(lambda: mx.eval(self._llava.network(one, cache=cache))),
            "products of the layers": _ms(lambda: _multiply(layers, 1)),
            "product with the vocabulary": _ms(lambda: _multiply([head], 1)),
        }

    async def _cost(self, count: int) -> Answer:
        loaded = serve_engine(self._llava)
        scheduler, preparation = loaded.scheduler, loaded.preparation
        scheduler.speculate = False
        sequences = []
        for number in range(count):
            message = Message("user", work.chat_text(number))
            request = ChatRequest((message,), Sampling(0, max_tokens=1000), owner=str(number))
            sequences.append(preparation.prepare(request, Outbox()))
            scheduler.add(sequences[-1])
        while not all(len(sequence.tokens) > 1 for sequence in sequences):
            scheduler.step()
        bare = _Bare(self._llava, [sequence.all_ids for sequence in sequences])
        engine_times, bare_times = [], []
        for _ in range(PAIRS):
            engine_times.append(_ms(lambda: _repeat(scheduler.step), 1) / STEPS)
            bare_times.append(_ms(lambda: _repeat(bare.step), 1) / STEPS)
        layers, head = self._text_layers()
        return {
            "engine": median(engine_times),
            "bare": median(bare_times),
            "its products alone": _ms(lambda: _multiply([*layers, head], count)),
        }

    def _prefill(self, embeddings: mx.array, cache: list[KVCache]) -> None:
        _read(self._llava, embeddings, cache)

    def _read_products(self, tokens: int) -> None:
        """What reading multiplies: of the last block only keys and values, but for one position."""
        decoder = self._llava.network.language_model
        *blocks, last = decoder.model.layers
        kept = [last.self_attn.k_proj, last.self_attn.v_proj]
        _multiply([*_linears(*blocks), *kept], tokens)
        _multiply([*_linears(last), decoder.lm_head], 1)

    def _text_layers(self) -> tuple[list[nn.Linear], nn.Linear]:
        decoder = self._llava.network.language_model
        return _linears(*decoder.model.layers), decoder.lm_head

    def _vision_layers(self) -> list[nn.Linear]:
        network = self._llava.network
        return _linears(network.vision_tower, network.multi_modal_projector)


class _Bare:
    """The network and an argmax, one step pipelined: what no engine on MLX can do without."""

    def __init__(self, llava: Llava, prompts: Sequence[Sequence[int]]) -> None:
        self._network = llava.network
        caches: Any = []
        for prompt in prompts:
            caches.append(_new_cache(llava))
            mx.eval(llava.network(mx.array([prompt]), cache=caches[-1]))
        layers = zip(*caches, strict=True)
        self._cache: Any = [BatchKVCache.merge(list(layer)) for layer in layers]
        self._next = mx.array([prompt[-1] for prompt in prompts], mx.int32)

    def step(self) -> None:
        given = self._next
        logits = self._network(given[:, None], cache=self._cache)[:, -1]
        self._next = mx.argmax(logits, axis=-1).astype(mx.int32)
        mx.async_eval(self._next)
        given.tolist()


def _read(llava: Llava, embeddings: mx.array, cache: list[KVCache]) -> None:
    """Read `[T, D]` behind what is in `cache`, or from the beginning."""
    prefill = Prefill(llava.network, embeddings, cache or _new_cache(llava), chunk=chunk_for(llava))
    while prefill.logits is None:
        prefill.step()
    mx.eval(prefill.logits)


def _new_cache(llava: Llava) -> list[KVCache]:
    return [KVCache() for _ in llava.network.language_model.layers]


def _linears(*parts: nn.Module) -> list[nn.Linear]:
    return [layer for part in parts for layer in part.modules() if isinstance(layer, nn.Linear)]


def _multiply(layers: Sequence[nn.Linear], rows: int) -> None:
    """The products of `layers` with that many rows, as our engine calls them."""
    inputs = {width: mx.ones((rows, width)) for width in {one.weight.shape[1] for one in layers}}
    with in_bulk():
        mx.eval([layer(inputs[layer.weight.shape[1]]) for layer in layers])


def _repeat(step: Callable[[], None]) -> None:
    for _ in range(STEPS):
        step()


def _ms(do: Callable[[], object], times: int = 5) -> float:
    """The median time, in milliseconds; of one alone, that."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        do()
        taken.append(1000 * (time.perf_counter() - begun))
    return median(taken)


if __name__ == "__main__":
    serve(Parts(sys.argv[1]))
