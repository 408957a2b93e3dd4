"""A LLaVA ready to run: the network with its tokenizer, image processor and template.

Knows nothing of sampling, caches or conversations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
from PIL import Image

from model.chat_template import AnyTemplate
from model.config import LlavaConfig
from model.errors import PromptError
from model.image_processor import ImageProcessor
from model.network import LlavaNetwork
from model.prompt import expand
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

    @property
    def visual_tokens(self) -> int:
        """How many visual tokens one picture becomes."""
        return self.config.visual_tokens

    def encode_picture(self, image: Image.Image) -> mx.array:
        """`X_v -> Z_v`: one picture to its visual tokens `[P, D]`, evaluated."""
        pixels = mx.array(self.image_processor(image))[None]  # [1, h, w, 3]
        tokens = self.network.encode_pictures(pixels)[0]
        mx.eval(tokens)
        return tokens

    def logits(self, prompt: str, images: Sequence[Image.Image] = ()) -> mx.array:
        """Next-token logits, float32 `[tokens, vocab]`, for an already formatted prompt.

        Each `<image>` in `prompt` stands for one of `images`, in order, which are taken as they
        are. Raises PromptError, a ValueError, when the numbers differ.
        """
        marked = self.tokenizer.encode_rendered(prompt)
        lengths = [self.visual_tokens] * len(images)
        ids = mx.array(expand(marked, self.config.image_token_index, lengths).ids, mx.int32)  # [T]
        if not ids.size:
            raise PromptError("The prompt is empty.")
        visual = [self.encode_picture(image) for image in images]
        embeddings = self.network.embed(ids, visual)  # [T, D]
        logits = self.network(ids[None], input_embeddings=embeddings[None])[0]  # [T, V]
        return logits.astype(mx.float32)
