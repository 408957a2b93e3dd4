"""Prompts and pictures of the comparison: none, one and two pictures, of odd sizes and modes."""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache
from PIL import Image

from model import Llava
from model.image_processor import PictureOrClip
from model.prompt import expand


def picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Random blocks of colour: noise of single pixels would be averaged away by scaling."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    large = Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)
    return large.convert(mode)


def film(width: int, height: int, frames: int, seed: int = 0) -> list[Image.Image]:
    """Frames of which each is another picture."""
    return [picture(width, height, seed=seed + number) for number in range(frames)]


PROMPTS: list[tuple[str, list[Image.Image]]] = [
    ("USER: What is in the picture? ASSISTANT:", []),
    ("USER: <image>\nWhat is in the picture? ASSISTANT:", [picture(61, 97)]),
    (
        "USER: <image>\n<image>\nWhich is it? ASSISTANT: The first. USER: Sure? ASSISTANT:",
        [picture(120, 33, "RGBA", seed=1), picture(3, 50, "L", seed=2)],
    ),
]


def greedy(llava: Llava, prompt: str, images: Sequence[PictureOrClip], tokens: int) -> list[int]:
    """The likeliest continuation, through a key-value cache as a chat computes it."""
    network, image_token = llava.network, llava.config.image_token_index
    visual = llava.encode_pictures(images)
    lengths = [tokens.shape[0] for tokens in visual]
    ids = mx.array(expand(llava.tokenizer.encode_rendered(prompt), image_token, lengths).ids)
    cache = [KVCache() for _ in network.language_model.layers]
    embeddings = network.embed(ids, visual)
    logits = network(ids[None], cache=cache, input_embeddings=embeddings[None])
    written = []
    for _ in range(tokens):
        written.append(int(logits[0, -1].argmax()))
        logits = network(mx.array([written[-1:]]), cache=cache)
    return written
