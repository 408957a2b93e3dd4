"""Which kernels OpenBLAS multiplies with: a process loads it once, so each is asked in its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model import blas

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="OpenBLAS is for Linux")

AVX512 = "fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl avx512_bf16"
ASKED = """
import ctypes, sys
from pathlib import Path
from model import blas
blas.CPUINFO = Path(sys.argv[1])
library = ctypes.CDLL(blas.preload())
name = library.scipy_openblas_get_corename
name.restype = ctypes.c_char_p
import os
print(name().decode(), os.environ.get(blas.CORE_TYPE))
"""


def chosen(cpuinfo: Path, given: str | None = None) -> list[str]:
    """The kernels of a process on such a machine, and what it leaves in the environment."""
    environment = {name: value for name, value in os.environ.items() if name != blas.CORE_TYPE}
    if given is not None:
        environment[blas.CORE_TYPE] = given
    # `model` itself loads OpenBLAS; the module alone doesn't.
    alone = "import sys, types; sys.modules['model'] = types.ModuleType('model')\n"
    alone += f"sys.modules['model'].__path__ = [{str(Path(blas.__file__).parent)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", alone + ASKED, cpuinfo],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    return tmp_path / "cpuinfo"


def describe(vendor: str, flags: str) -> str:
    processor = (
        "processor\t: 0",
        f"vendor_id\t: {vendor}",
        "model name\t: A: B",
        f"flags\t\t: {flags}",
        "power management:",
    )
    return "\n".join([*processor, "", *processor, ""])


@pytest.mark.skipif("avx512vl" not in Path("/proc/cpuinfo").read_text(), reason="no AVX-512 here")
def test_amd_s_avx512_is_used(cpuinfo: Path) -> None:
    cpuinfo.write_text(describe("AuthenticAMD", AVX512))
    assert chosen(cpuinfo) == ["SkylakeX", "None"]


@pytest.mark.parametrize(
    ("vendor", "flags"),
    [("AuthenticAMD", "fpu avx2"), ("AuthenticAMD", "avx512f"), ("GenuineIntel", AVX512)],
)
def test_elsewhere_openblas_chooses(cpuinfo: Path, vendor: str, flags: str) -> None:
    itself = chosen(cpuinfo)  # a machine that says nothing
    cpuinfo.write_text(describe(vendor, flags))
    assert chosen(cpuinfo) == itself


def test_the_user_chooses_before_all(cpuinfo: Path) -> None:
    cpuinfo.write_text(describe("AuthenticAMD", AVX512))
    assert chosen(cpuinfo, "NEHALEM") == ["Nehalem", "NEHALEM"]
