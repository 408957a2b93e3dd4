"""That MLX's CUDA backend is told how to compute, before anybody imports it."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "used"), [(None, "0"), ("1", "1")])
def test_attention_is_by_mlx_s_own_kernels_unless_the_user_says_otherwise(
    given: str | None, used: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLX")}
    if given is not None:
        environment["MLX_CUDA_USE_CUDNN_SDPA"] = given
    asked = "import model, os; print(os.environ['MLX_CUDA_USE_CUDNN_SDPA'])"
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == used
