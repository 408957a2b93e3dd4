"""A tokenised prompt in which every visual token has its place, and the keys it is cached under.

Knows nothing of text or tokenizers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import PromptError

Span = tuple[int, int]  # start and length, in tokens


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids, the image id once for each visual token; `spans` are the pictures' places."""

    ids: tuple[int, ...]
    spans: tuple[Span, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


def expand(ids: Sequence[int], image_token_index: int, lengths: Sequence[int]) -> Prompt:
    """Repeat each image id as often as its picture has visual tokens (`lengths`, in order).

    Raises PromptError when there are more or fewer marks than pictures.
    """
    marks = sum(token == image_token_index for token in ids)
    if marks != len(lengths):
        raise PromptError(f"The prompt has places for {marks} images, {len(lengths)} came with it.")
    expanded: list[int] = []
    spans: list[Span] = []
    remaining = iter(lengths)
    for token in ids:
        if token == image_token_index:
            spans.append((len(expanded), next(remaining)))
            expanded += [token] * spans[-1][1]
        else:
            expanded.append(token)
    return Prompt(tuple(expanded), tuple(spans))


def keys(prompt: Prompt, digests: Sequence[str]) -> list[int]:
    """What the prompt's keys and values are cached under: ids, and 128-bit numbers for pictures.

    `digests` name the pictures by content and preprocessing, in order. A visual token's key is
    drawn from its picture's digest and its place in the picture, and is above every vocabulary.
    """
    if len(digests) != len(prompt.spans):
        raise PromptError(
            f"The prompt has {len(prompt.spans)} images, {len(digests)} digests came with it."
        )
    result = list(prompt.ids)
    for (start, length), digest in zip(prompt.spans, digests, strict=True):
        for offset in range(length):
            drawn = hashlib.blake2b(f"{digest}/{offset}".encode(), digest_size=16).digest()
            result[start + offset] = int.from_bytes(drawn) | 1 << 127
    return result
