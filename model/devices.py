"""Where MLX computes, and whether what it computes now is work in bulk."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import mlx.core as mx

_bulk: ContextVar[bool] = ContextVar("in_bulk", default=False)
_lazily: ContextVar[bool] = ContextVar("lazily", default=False)


def on_cpu() -> bool:
    """Whether MLX computes on the processor."""
    return mx.default_device().type == mx.cpu


@contextmanager
def in_bulk() -> Iterator[None]:
    """Within, many rows are computed, and no gradient is taken of them.

    So on a CPU values may be waited for while the graph is made: it shows little beside the work.
    """
    token = _bulk.set(on_cpu())
    try:
        yield
    finally:
        _bulk.reset(token)


@contextmanager
def lazily() -> Iterator[None]:
    """Within, nothing is waited for: what nobody asks for is never computed."""
    bulk, token = _bulk.set(False), _lazily.set(True)
    try:
        yield
    finally:
        _lazily.reset(token)
        _bulk.reset(bulk)


def computes_in_bulk() -> bool:
    """Whether this is within `in_bulk`, on a CPU."""
    return _bulk.get()


def may_wait() -> bool:
    """Whether values may be waited for while the graph is made."""
    return not _lazily.get()
