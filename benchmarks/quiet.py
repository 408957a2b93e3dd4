"""How much of the processor others took while something was measured.

On Linux, by the system's own count; elsewhere nothing is known, and said.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
STAT = Path("/proc/stat")


class Watch:
    """From now on: what share of the cores is used by none of `processes`, nor by this one."""

    def __init__(self, processes: Iterable[int]) -> None:
        self._processes = [*processes, os.getpid()]
        self._begun, self._all, self._own = self._look()

    def others(self) -> float | None:
        """The share since then, 0 to 1; None where the system doesn't tell."""
        if not STAT.exists():
            return None
        now, everybody, own = self._look()
        spent = (everybody - self._all) - (own - self._own)
        return max(0.0, spent / max(now - self._begun, 1e-9) / (os.cpu_count() or 1))

    def _look(self) -> tuple[float, float, float]:
        if not STAT.exists():
            return 0.0, 0.0, 0.0
        fields = [int(number) for number in STAT.read_text().split("\n", 1)[0].split()[1:9]]
        user, nice, system, _, _, irq, soft, steal = fields
        everybody = (user + nice + system + irq + soft + steal) / TICK
        return time.monotonic(), everybody, sum(_used(one) for one in self._processes)


def _used(process: int) -> float:
    """Seconds of processor time, of all its threads."""
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0.0
    fields = told.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK
