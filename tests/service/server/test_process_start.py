"""Start of a process that serves: what it leaves out."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from service.server.process_start import load_numba
load_numba()
assert "numba.np.arraymath" in sys.modules
assert "scipy.linalg" not in sys.modules
import scipy.linalg
load_numba()
"""


def test_numba_is_loaded_without_scipy() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
