"""mlx-lm's import leaves the limit of open files alone, however low it is."""

import subprocess
import sys

PROGRAM = """
import resource
import model
limits = (1000, 1500)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
import mlx_lm
assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits, "changed"
"""


def test_the_limit_of_open_files_stays_as_it_was() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
