"""What a measurement ran on: versions of libraries, and the machine in words, without its name."""

import ctypes
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The installed versions of packages, of those that are there; Python's own first.

    Last the processor whose kernels OpenBLAS multiplies with, where it is loaded: it chooses them
    by the machine or by `OPENBLAS_CORETYPE`, and others may take twice the time.
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if kernels := _openblas_kernels():
        found["OpenBLAS kernels"] = kernels
    return found


def _openblas_kernels() -> str | None:
    if sys.platform != "linux":
        return None
    name = getattr(ctypes.CDLL(None), "scipy_openblas_get_corename", None)
    if name is None:
        return None
    name.restype = ctypes.c_char_p
    return str(name().decode())


def machine() -> str:
    """Such as "2 x86-64 cores, Linux"."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    kind = platform.machine().replace("_", "-")
    system = {"darwin": "macOS"}.get(sys.platform, platform.system())
    return f"{cores} {kind} {'core' if cores == 1 else 'cores'}, {system}"


def load() -> float:
    """How many processes want a core just now, as the system's mean of the last minute."""
    return os.getloadavg()[0]
