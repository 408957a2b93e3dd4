"""LLaVA in MLX, usable alone: checkpoints, vision tower, projector, language model, generation."""

from model import blas

blas.preload()
