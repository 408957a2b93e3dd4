"""The SigLIP vision transformer of LLaVA-Interleave and OneVision: `X_v -> H_v`.

It differs from CLIP's in what goes into the encoder: no class token, a bias on the patches, no
layer norm before the blocks.
Source: Zhai et al. 2023 (SigLIP); transformers `models/siglip/modeling_siglip.py`.
"""

from collections.abc import Sequence

import mlx.core as mx
from mlx import nn

from model.vision_config import VisionConfig
from model.vision_tower import Encoder, project_patches


class SiglipPatchEmbeddings(nn.Module):
    """Patches projected with a bias, and learned positions."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patch_embedding = nn.Conv2d(config.num_channels, config.hidden_size, config.patch_size)
        self.position_embedding = nn.Embedding(config.patches, config.hidden_size)

    def __call__(self, pixels: mx.array) -> mx.array:
        x = project_patches(self.patch_embedding, pixels)  # [B, P, D]
        return x + self.patch_embedding.bias + self.position_embedding.weight


class SiglipVisionTower(nn.Module):
    """SigLIP's `X_v -> H_v`. `post_layernorm` and the pooling head, which no LLaVA reads, are
    not built."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.embeddings = SiglipPatchEmbeddings(config)
        self.encoder = Encoder(config)

    def __call__(self, pixels: mx.array, layers: Sequence[int]) -> list[mx.array]:
        """Hidden states `[B, P, D]` at `layers`, as the encoder counts them, for pixels
        `[B, height, width, 3]`."""
        return self.encoder(self.embeddings(pixels), layers)
