"""LLaVA's figure as a network: `X_v -> H_v -> Z_v` and `X_q -> H_q`, both into `f_phi`, out `X_a`.

Knows nothing of files, prompts as text, sampling or conversations.

Letters: B pictures or rows, P visual tokens of a picture, T tokens, D text width, V vocabulary.
Source: Liu et al. 2023, figure 1; transformers `models/llava/modeling_llava.py`.
"""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx import nn

from model.config import LlavaConfig
from model.errors import PromptError
from model.language_model import build_language_model
from model.packing import pack
from model.projector import PROJECTORS
from model.siglip_tower import SiglipVisionTower
from model.tiling import View
from model.vision_tower import VisionTower

TOWERS: dict[str, type[VisionTower] | type[SiglipVisionTower]] = {
    "clip_vision_model": VisionTower,
    "siglip_vision_model": SiglipVisionTower,
}


class LlavaNetwork(nn.Module):
    """Vision tower, projector and language model, with the checkpoints' parameter names."""

    def __init__(self, config: LlavaConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_tower: Any = TOWERS[config.vision.model_type](config.vision)
        self.multi_modal_projector = PROJECTORS[config.projector.kind](config.projector)
        self.language_model = build_language_model(config.text)
        if config.tiling is not None and config.tiling.row_ends:
            self.image_newline = mx.zeros((config.text["hidden_size"],))

    def encode_pictures(self, pixels: mx.array) -> mx.array:
        """`X_v -> Z_v`: pixels `[B, height, width, 3]` to visual tokens `[B, P, D]`.

        What are tiles of pictures is put together by `pack`.
        """
        pixels = pixels.astype(self.vision_tower.embeddings.patch_embedding.weight.dtype)
        states = self.vision_tower(pixels, self.config.vision_feature_layers)
        first = 1 if self.config.vision_feature_select_strategy == "default" else 0
        features = mx.concatenate([state[:, first:] for state in states], axis=-1)  # H_v
        return self.multi_modal_projector(features)  # Z_v [B, P, D]

    def pack(self, tiles: mx.array, view: View) -> mx.array:
        """The tiles `[B, P, D]` of one picture, the whole first, to its visual tokens `[T, D]`."""
        if self.config.tiling is None:
            return tiles[0]
        newline = None
        if self.config.tiling.row_ends:
            newline = self.image_newline.astype(tiles.dtype)
        return pack(tiles, newline, view, self.config.tiling)

    def embed(self, ids: mx.array, visual: Sequence[mx.array] = ()) -> mx.array:
        """`X_q -> H_q` with `Z_v` in place: ids `[T]` to embeddings `[T, D]`.

        `visual` holds one `[P, D]` for each picture, in order; the image id stands once for
        every visual token. Raises PromptError when their numbers differ.
        """
        is_image = ids == self.config.image_token_index
        # The image id may lie outside the table, and MLX checks no bounds.
        words = mx.where(is_image, 0, ids)
        vocabulary = self.config.text["vocab_size"]
        if words.size and not 0 <= int(words.min()) <= int(words.max()) < vocabulary:
            raise PromptError(f"A token id is outside the vocabulary of {vocabulary}.")
        text = self.language_model.model.embed_tokens(words)  # [T, D]
        given = sum(tokens.shape[0] for tokens in visual)
        places = int(is_image.sum())
        if places != given:
            raise PromptError(
                f"The prompt has {places} places for visual tokens, the images yield {given}."
            )
        if not given:
            return text
        rows = mx.concatenate(list(visual)).astype(text.dtype)  # [P of all pictures, D]
        order = mx.maximum(mx.cumsum(is_image.astype(mx.int32)) - 1, 0)  # [T]
        return mx.where(is_image[:, None], rows[order], text)

    def __call__(
        self, ids: mx.array, cache: Any = None, input_embeddings: mx.array | None = None
    ) -> mx.array:
        """`f_phi`: ids `[B, T]`, or embeddings `[B, T, D]`, to logits `[B, T, V]`."""
        logits: mx.array = self.language_model(ids, cache=cache, input_embeddings=input_embeddings)
        return logits
