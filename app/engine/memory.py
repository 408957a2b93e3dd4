"""How many bytes keys and values may take on this machine, and how many answers will take.

Estimates from above, before anything is allocated: what is let in by them comes to its end.
"""

from collections.abc import Collection
from dataclasses import dataclass

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from model.shelf.memory import machine_memory

LEAST_TOKENS = 512  # of a conversation worth having
STEP: int = KVCache.step  # tokens by which a cache grows, so up to which it is larger than filled


@dataclass(frozen=True, slots=True)
class Memory:
    """`limit` bytes for keys and values, `per_token` for one token; the model has `weights`.

    `draft_per_token` of them are a draft model's.
    """

    limit: int
    per_token: int
    weights: int = 0
    draft_per_token: int = 0

    @property
    def tokens(self) -> int:
        """The longest conversation, prompt and answer, that fits in alone."""
        return max(0, self.limit // self.per_token - STEP)

    def needed(self, lengths: Collection[int]) -> int:
        """Bytes of sequences of these lengths in one batch, where each is padded to the longest."""
        return len(lengths) * (max(lengths) + STEP) * self.per_token if lengths else 0


def default_limit(weights: int, per_token: int) -> int:
    """Half of what the machine has beside a model's `weights` (bytes): the rest is for computing.

    A machine that is too small for its model gets room for a short conversation.
    """
    return max((machine_memory() - weights) // 2, (LEAST_TOKENS + STEP) * per_token)


def wire() -> None:
    """Keep Metal's working set in memory, as much as it recommends: paging stops an answer."""
    recommended = mx.device_info().get("max_recommended_working_set_size")
    if recommended:
        mx.set_wired_limit(int(recommended))
