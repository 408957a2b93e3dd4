"""A LLaVA ready to run: the network with its tokenizer, image processor and template.

Knows nothing of sampling, caches or conversations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from model.chat_template import AnyTemplate
from model.config import LlavaConfig
from model.devices import in_bulk
from model.errors import PromptError
from model.image_processor import ImageProcessor, PictureOrClip, size_of
from model.network import LlavaNetwork
from model.prompt import expand
from model.tiling import View
from model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Llava:
    """What `model.load` returns. `template` is the form of prompt it was trained on."""

    name: str
    config: LlavaConfig
    network: LlavaNetwork
    tokenizer: Tokenizer
    image_processor: ImageProcessor
    template: AnyTemplate

    def encode_pictures(self, images: Sequence[PictureOrClip]) -> list[mx.array]:
        """`X_v -> Z_v`: the pictures of one prompt to their visual tokens `[P, D]`, evaluated."""
        views = self.config.views([size_of(image) for image in images])
        visual = []
        for image, view in zip(images, views, strict=True):
            visual += self.encode_tiles([self.image_processor.tiles(image, view)], [view])
        return visual

    def encode_tiles(
        self, tiles: Sequence[NDArray[np.float32]], views: Sequence[View]
    ) -> list[mx.array]:
        """`X_v -> Z_v`: each picture's prepared tiles `[tiles, h, w, 3]` to its visual tokens.

        All go through the tower as one batch. Returns `[P, D]` for each, evaluated.
        """
        ends = np.cumsum([len(each) for each in tiles])[:-1].tolist()
        parts = zip(mx.split(self.look_at(np.concatenate(tiles)), ends), views, strict=True)
        return [self.pack(part, view) for part, view in parts]

    def look_at(self, tiles: NDArray[np.float32]) -> mx.array:
        """Some prepared tiles `[tiles, h, w, 3]` through tower and projector: `[tiles, P, D]`."""
        with in_bulk():
            encoded = self.network.encode_pictures(mx.array(tiles))
            mx.eval(encoded)
        return encoded

    def pack(self, tiles: mx.array, view: View) -> mx.array:
        """All tiles of a picture, looked at, to its visual tokens `[P, D]`, evaluated."""
        visual = self.network.pack(tiles, view)
        mx.eval(visual)
        return visual

    def logits(self, prompt: str, images: Sequence[PictureOrClip] = ()) -> mx.array:
        """Next-token logits, float32 `[tokens, vocab]`, for an already formatted prompt.

        Each `<image>` in `prompt` stands for one of `images`, in order, which are taken as they
        are; the frames of a video clip, as a sequence, stand in the place of one. Raises
        PromptError, a ValueError, when the numbers differ, or for clips if it can't take them.
        """
        marked = self.tokenizer.encode_rendered(prompt)
        views = self.config.views([size_of(image) for image in images])
        lengths = [view.tokens for view in views]
        ids = mx.array(expand(marked, self.config.image_token_index, lengths).ids, mx.int32)  # [T]
        if not ids.size:
            raise PromptError("The prompt is empty.")
        embeddings = self.network.embed(ids, self.encode_pictures(images))  # [T, D]
        with in_bulk():
            logits = self.network(ids[None], input_embeddings=embeddings[None])[0]  # [T, V]
        return logits.astype(mx.float32)
