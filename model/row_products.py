"""One row times a large matrix, by BLAS's own function for it.

MLX asks BLAS for the product of two matrices (`sgemm`), which first puts the larger in another
order, though a single row reads each weight once. `sgemv` doesn't: it takes a half to a quarter of
the time. MLX has no operation that asks for it, so one waits for the row, and asks.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from model.devices import may_wait

_LEAST = 1 << 19  # weights; below, waiting costs more than the other order
_ROW_MAJOR, _AS_IT_STANDS = 101, 111  # CBLAS's names of how a matrix lies, and is taken
_NAMES = ("scipy_cblas_sgemv", "cblas_sgemv")  # scipy-openblas32's, everybody else's


def _find() -> Callable[..., None] | None:
    """`sgemv` of the library that `blas.preload` has put in front of all."""
    if sys.platform != "linux":
        return None
    loaded = ctypes.CDLL(None)
    found: Any = next((getattr(loaded, name) for name in _NAMES if hasattr(loaded, name)), None)
    if found is not None:
        number, factor, memory = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
        found.restype = None
        found.argtypes = [
            number, number, number, number, factor, memory, number, memory, number, factor, memory,
            number,
        ]  # fmt: skip
    return found


_sgemv = _find()


def multiply(x: mx.array, weight: mx.array) -> mx.array | None:
    """`x @ weight.T` for one row `x` `[.., K]` and `weight` `[N, K]`.

    None where it isn't one row, where nothing may be waited for, and where MLX is as good.
    """
    if _sgemv is None or x.size != x.shape[-1] or weight.size < _LEAST or not may_wait():
        return None
    if not x.dtype == weight.dtype == mx.float32:
        return None
    mx.eval(x, weight)
    row, matrix = np.asarray(x), np.asarray(weight)  # MLX's own memory
    if not (row.flags.c_contiguous and matrix.flags.c_contiguous):
        return None
    rows, columns = matrix.shape
    out = np.empty(rows, np.float32)
    _sgemv(
        _ROW_MAJOR, _AS_IT_STANDS, rows, columns, 1.0, matrix.ctypes.data, columns,
        row.ctypes.data, 1, 0.0, out.ctypes.data, 1,
    )  # fmt: skip
    return mx.array(out.reshape(*x.shape[:-1], rows))
