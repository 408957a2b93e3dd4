"""What is told of a measurement's surroundings."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="OpenBLAS is for Linux")
@pytest.mark.parametrize("kernels", ["Nehalem", "Sandybridge"])
def test_the_kernels_that_openblas_uses_are_told(kernels: str) -> None:
    asked = "import model; from benchmarks.surroundings import versions; print(versions(()))"
    environment = dict(os.environ) | {"OPENBLAS_CORETYPE": kernels.upper()}
    line = [sys.executable, "-c", asked]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    assert f"'OpenBLAS kernels': '{kernels}'" in done.stdout


def test_nobody_tells_of_kernels_where_openblas_is_not_loaded() -> None:
    asked = "from benchmarks.surroundings import versions; print(versions(()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "OpenBLAS" not in done.stdout
