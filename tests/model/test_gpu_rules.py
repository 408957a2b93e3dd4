"""What can be told of a GPU without one: types, and the operations of a step.

The default device says that it is a GPU, so the paths for GPUs are taken; what they ask for is
computed on the processor.
"""

import io
import re
from pathlib import Path
from types import SimpleNamespace

import mlx.core as mx
import pytest
from PIL import Image

import model
from model.generation import Prefill
from model.kv_cache import new_cache
from model.llava import Llava
from model.prompt import expand
from model.sampling import GREEDY, Sampler, allowed_tokens, draw
from tests.checkpoints import INTERLEAVE, NEXT, write_checkpoint

# MLX 0.32 has no kernels for these on Metal: `eval_gpu` throws.
NOT_ON_METAL = {"LUF", "QRF", "SVD", "Inverse", "Cholesky", "Eigh", "Eig"}
PROMPT = "USER: <image>\nWhat is in the picture? ASSISTANT:"
PICTURE = Image.linear_gradient("L").resize((70, 31)).convert("RGB")
TYPES = {"bfloat16": mx.bfloat16, "float16": mx.float16}


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "default_device", lambda: SimpleNamespace(type=mx.gpu))


@pytest.fixture(params=["llava", "llava_next", "interleave"])
def family(request: pytest.FixtureRequest) -> dict[str, object]:
    return {"llava": {}, "llava_next": NEXT, "interleave": INTERLEAVE}[request.param]


def operations(*outputs: mx.array) -> set[str]:
    """The names of what is still to be computed."""
    drawn = io.StringIO()
    mx.export_to_dot(drawn, *outputs)
    return set(re.findall(r'label ="([A-Za-z]+)', drawn.getvalue()))


def prefilled(llava: Llava) -> Prefill:
    visual = llava.encode_pictures([PICTURE])
    ids = llava.tokenizer.encode_rendered(PROMPT)
    ids = list(expand(ids, llava.config.image_token_index, [len(visual[0])]).ids)
    embeddings = llava.network.embed(mx.array(ids), visual)
    cache = new_cache(llava.network.language_model)
    prefill = Prefill(llava.network, embeddings, cache, len(ids) // 3)
    while prefill.logits is None:
        prefill.step()
    return prefill


@pytest.mark.parametrize("dtype", TYPES)
def test_a_checkpoints_own_type_is_kept_from_pictures_to_logits(
    family: dict[str, object], dtype: str, tmp_path: Path
) -> None:
    llava = model.load(write_checkpoint(tmp_path, dtype=dtype, **family))  # type: ignore[arg-type]
    [visual] = llava.encode_pictures([PICTURE])
    prefill = prefilled(llava)
    assert prefill.logits is not None
    logits = llava.network(mx.array([[5]]), cache=prefill.cache)
    kept = [array for layer in prefill.cache for array in (layer.keys, layer.values)]
    assert {array.dtype for array in (visual, prefill.logits, logits, *kept)} == {TYPES[dtype]}


@pytest.mark.parametrize("sampler", [GREEDY, Sampler(0.7, 0.9, 1, presence=0.5)])
def test_a_step_asks_for_nothing_that_metal_has_not(
    family: dict[str, object], sampler: Sampler, tmp_path: Path
) -> None:
    llava = model.load(write_checkpoint(tmp_path, dtype="bfloat16", **family))  # type: ignore[arg-type]
    rows = [prefilled(llava).cache for _ in range(2)]
    cache = [pair[0].merge(pair) for pair in zip(*rows, strict=True)]
    logits = llava.network(mx.array([[5], [9]]), cache=cache)[:, -1]
    allowed = allowed_tokens(logits.shape[-1], 300)
    said = [sampler.said([5], logits.shape[-1])] * 2
    asked = operations(draw(logits, [sampler] * 2, [1, 1], allowed, said))
    assert {"Matmul", "Softmax", "ScaledDotProductAttention"} & asked
    assert not asked & NOT_ON_METAL


def test_the_operations_of_a_graph_are_seen() -> None:
    assert operations(mx.linalg.qr(mx.ones((2, 2)), stream=mx.cpu)[0]) & NOT_ON_METAL
