"""How much memory a model needs, against what this machine has. Estimates, on the safe side."""

import os
from pathlib import Path

from model.shelf.curated import Curated

CONVERSATION = 4096  # tokens that are reckoned with
_CGROUPS = (  # what a container may take
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_WORKING = 600 << 20  # bytes: the program, activations, buffers
# Quantised to groups of 64 weights: a scale and a bias of 16 bits for each group.
_OVERHEAD = 32 / 64  # bits a weight


def needed(model: Curated, bits: int, *, on_cpu: bool) -> int:
    """Bytes for a model of `bits` a weight with one conversation: 16, or quantised to fewer.

    Vision tower and projector stay at 16. On a CPU what isn't quantised becomes 32-bit floats.
    """
    whole = 32 if on_cpu else 16
    language = model.language
    weight = whole if bits == 16 else bits + _OVERHEAD
    weights = language.parameters * weight + (model.parameters - language.parameters) * whole
    values = 2 * language.layers * language.key_value_size * CONVERSATION * whole
    return int((weights + values) / 8) + _WORKING


def machine_memory() -> int:
    """Bytes that this process may use: of the GPU, of the machine, or of its container."""
    import mlx.core as mx

    device = mx.device_info()
    for name in ("max_recommended_working_set_size", "total_memory"):  # Metal, CUDA
        if device.get(name):
            return int(device[name])
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([whole, *_container_limits()])


def runs_on_cpu() -> bool:
    """Whether MLX computes on the processor here."""
    import mlx.core as mx

    return mx.default_device().type == mx.cpu


def _container_limits() -> list[int]:
    limits = []
    for file in _CGROUPS:
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return limits
