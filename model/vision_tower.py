"""The CLIP vision transformer that turns a picture `X_v` into features `H_v`.

Parameters carry the names of the Hugging Face checkpoint, so that loading is a plain match.
Knows nothing of files, of text or of how pixels were prepared.

Letters: B pictures, P patches (tokens with the class token), D hidden size, H heads.
Source: Radford et al. 2021 (CLIP); transformers `models/clip/modeling_clip.py`.
"""

from collections.abc import Sequence

import mlx.core as mx
from mlx import nn

from model.activations import ACTIVATIONS
from model.attention import attend
from model.vision_config import VisionConfig


class Attention(nn.Module):
    """Multi-head self-attention with biases and no mask."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = (hidden_size // num_heads) ** -0.5
        self.attend = attend  # training puts a faster and less exact one for CPUs here
        self.q_proj = nn.Linear(hidden_size, hidden_size)
        self.k_proj = nn.Linear(hidden_size, hidden_size)
        self.v_proj = nn.Linear(hidden_size, hidden_size)
        self.out_proj = nn.Linear(hidden_size, hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        batch, patches, _ = x.shape

        def heads(y: mx.array) -> mx.array:
            return y.reshape(batch, patches, self.num_heads, -1).transpose(0, 2, 1, 3)

        q, k, v = (
            heads(self.q_proj(x)),
            heads(self.k_proj(x)),
            heads(self.v_proj(x)),
        )  # [B, H, P, D/H]
        out = self.attend(q, k, v, scale=self.scale)
        return self.out_proj(out.transpose(0, 2, 1, 3).reshape(batch, patches, -1))  # [B, P, D]


class MLP(nn.Module):
    def __init__(self, hidden_size: int, intermediate_size: int, hidden_act: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[hidden_act]
        self.fc1 = nn.Linear(hidden_size, intermediate_size)
        self.fc2 = nn.Linear(intermediate_size, hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        return self.fc2(self.activation(self.fc1(x)))


class EncoderLayer(nn.Module):
    """Pre-layer-norm transformer block."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = Attention(config.hidden_size, config.num_attention_heads)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = MLP(config.hidden_size, config.intermediate_size, config.hidden_act)

    def __call__(self, x: mx.array) -> mx.array:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    """The blocks, which CLIP's and SigLIP's towers have in common."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layers = [EncoderLayer(config) for _ in range(config.num_hidden_layers)]

    def __call__(self, x: mx.array, layers: Sequence[int]) -> list[mx.array]:
        """Hidden states `[B, P, D]` at `layers`, in that order, for embedded patches `[B, P, D]`.

        Index 0 is the input and i the output of block i; negative indices count from the end, as
        in transformers' `hidden_states`. Blocks past the deepest one that is asked for are not
        run.
        """
        depth = len(self.layers)
        wanted = [layer if layer >= 0 else depth + 1 + layer for layer in layers]
        states = [x]
        for block in self.layers[: max(wanted)]:
            states.append(block(states[-1]))
        return [states[layer] for layer in wanted]


def project_patches(convolution: nn.Conv2d, pixels: mx.array) -> mx.array:
    """The strided convolution `[B, height, width, 3] -> [B, P, D]` as one product.

    BLAS does that 10 times faster on a CPU. Pixels that fill no whole patch are not seen.
    """
    batch, height, width, channels = pixels.shape
    filters = convolution.weight  # [D, size, size, 3]
    size = filters.shape[1]
    rows, columns = height // size, width // size
    pixels = pixels[:, : rows * size, : columns * size]
    patches = pixels.reshape(batch, rows, size, columns, size, channels)
    patches = patches.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * columns, -1)
    return patches @ filters.reshape(filters.shape[0], -1).T


class PatchEmbeddings(nn.Module):
    """Class token, patches projected without bias, learned positions."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.class_embedding = mx.zeros((config.hidden_size,))
        self.patch_embedding = nn.Conv2d(
            config.num_channels, config.hidden_size, config.patch_size, bias=False
        )
        self.position_embedding = nn.Embedding(config.patches + 1, config.hidden_size)

    def __call__(self, pixels: mx.array) -> mx.array:
        x = project_patches(self.patch_embedding, pixels)  # [B, P, D]
        batch, _, width = x.shape
        class_token = mx.broadcast_to(self.class_embedding, (batch, 1, width)).astype(x.dtype)
        return mx.concatenate([class_token, x], axis=1) + self.position_embedding.weight


class VisionTower(nn.Module):
    """CLIP's `X_v -> H_v`: pixels to the hidden states of chosen layers.

    `pre_layrnorm` is spelt as in the checkpoints. `post_layernorm` and the class-token head
    exist in CLIP but no LLaVA reads them, so they are not built.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.embeddings = PatchEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.encoder = Encoder(config)

    def __call__(self, pixels: mx.array, layers: Sequence[int]) -> list[mx.array]:
        """Hidden states `[B, P, D]` at `layers`, as the encoder counts them, for pixels
        `[B, height, width, 3]`."""
        return self.encoder(self.pre_layrnorm(self.embeddings(pixels)), layers)
