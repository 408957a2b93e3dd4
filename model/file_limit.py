"""Keeps mlx-lm from changing the process's limit of open files.

mlx-lm sets it to (2048, 4096) when it is imported. That lowers a server's limit for good, and
where the hard limit is below 4096 the import fails.
"""

import resource
from typing import Any

MLX_LM = (resource.RLIMIT_NOFILE, (2048, 4096))


def keep() -> None:
    """Let that one call do nothing. To be done before mlx-lm is imported."""
    original: Any = resource.setrlimit

    def setrlimit(kind: int, limits: tuple[int, int]) -> None:
        if (kind, limits) != MLX_LM:
            original(kind, limits)

    resource.setrlimit = setrlimit
