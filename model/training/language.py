"""The language model in training: packed sequences, exact positions, loss on answers only.

Runs mlx-lm's own layers with attention masks and positions that its inference path lacks.
"""

from typing import Any

import mlx.core as mx
from mlx import nn

from model.training import fast
from model.training.run import Batch


def rotary(positions: mx.array, head_dim: int, theta: float) -> tuple[mx.array, mx.array]:
    """Cosines and sines `[B, 1, T, head_dim / 2]` of RoPE at the given positions `[B, T]`."""
    frequencies = theta ** (-mx.arange(0, head_dim, 2) / head_dim)
    angles = positions[:, None, :, None] * frequencies
    return mx.cos(angles), mx.sin(angles)


@mx.compile
def _rotate(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    a, b = mx.split(x, 2, axis=-1)
    return mx.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def hidden_states(lm: Any, x: mx.array, batch: Batch) -> mx.array:
    """The decoder's last states `[B, T, D]` for embeddings `[B, T, D]` (Llama blocks)."""
    heads, dim = (
        lm.args.num_attention_heads,
        lm.args.head_dim or lm.args.hidden_size // lm.args.num_attention_heads,
    )
    cos, sin = rotary(batch["position"], dim, lm.args.rope_theta)
    for layer in lm.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        y = layer.input_layernorm(x)
        q, k, v = (
            p(y).reshape(*y.shape[:2], heads, dim).transpose(0, 2, 1, 3)
            for p in (attention.q_proj, attention.k_proj, attention.v_proj)
        )  # [B, H, T, D/H]
        out = fast.attend(
            _rotate(q, cos, sin), _rotate(k, cos, sin), v, scale=dim**-0.5, mask=batch["mask"]
        )
        x = x + attention.o_proj(out.transpose(0, 2, 1, 3).reshape(y.shape))
        y = layer.post_attention_layernorm(x)
        x = x + mlp.down_proj(fast.silu(mlp.gate_proj(y)) * mlp.up_proj(y))
    return lm.model.norm(x)


def embed(lm: Any, batch: Batch, visual: mx.array) -> mx.array:
    """Text embeddings with visual tokens `[N * 64, D]` in their places, `[B, T, D]`."""
    text = lm.model.embed_tokens(batch["ids"])
    rows = mx.take(visual, mx.maximum(batch["visual"], 0), axis=0)
    return mx.where((batch["visual"] >= 0)[..., None], rows, text)


def scored_logits(lm: Any, batch: Batch, visual: mx.array) -> mx.array:
    """Logits `[S, V]` at the batch's S scored positions."""
    states = hidden_states(lm, embed(lm, batch, visual), batch)
    return lm.lm_head(mx.take(states.reshape(-1, states.shape[-1]), batch["scored"], axis=0))


def answer_loss(lm: Any, batch: Batch, visual: mx.array) -> mx.array:
    """Mean cross-entropy over the answers' tokens (LLaVA's loss)."""
    return fast.cross_entropy(scored_logits(lm, batch, visual), batch["target"]).mean()


class SymbolicPictures(nn.Module):
    """What stands for pictures while the language model learns to search in text alone.

    Each patch is the sum of the words for what it shows: colour, shape, place, and whether it
    is the thing's middle; so the model learns the tasks before it has seen a pixel.
    """

    def __init__(self, width: int, patches: int) -> None:
        super().__init__()
        self.position_embedding = nn.Embedding(patches, width)
        self.place_embedding = nn.Embedding(10, width)
        self.middle_embedding = nn.Embedding(2, width)
        self.ground_embedding = nn.Embedding(3, width)

    def __call__(self, lm: Any, symbols: Batch) -> mx.array:
        """Rows `[N * 64, D]` for symbol ids `[N, 64]`."""
        words = lm.model.embed_tokens
        total = (
            words(symbols["color"]) + words(symbols["shape"]) + self.position_embedding.weight
            + self.place_embedding(symbols["place"]) + self.middle_embedding(symbols["middle"])
            + self.ground_embedding(symbols["ground"])
        )  # fmt: skip
        return total.reshape(-1, total.shape[-1])
