"""How MLX computes on an NVIDIA card, where another way than its own was measured to be better."""

import os


def set_up() -> None:
    """Attention by MLX's own kernels, not cuDNN's, unless the environment says otherwise.

    MLX 0.32.4 reads the variable at the first attention. With cuDNN's a batch of 21 answers ended
    in an illegal memory access, and eight wrote at half the speed: see docs/decisions/engine.md.
    """
    os.environ.setdefault("MLX_CUDA_USE_CUDNN_SDPA", "0")
