"""Memory that crosses the border while operations are in flight, under Valgrind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).with_name("memory_check.py")
FOUND_ERROR = 99
SUPPRESSIONS = Path(__file__).parents[2] / "valgrind.supp"
OPTIONS = [
    "--quiet",
    f"--error-exitcode={FOUND_ERROR}",
    "--undef-value-errors=no",
    "--num-callers=24",
    f"--suppressions={SUPPRESSIONS}",
]


@pytest.fixture
def valgrind() -> str:
    """Where Valgrind is."""
    found = shutil.which("valgrind")
    if found is None:
        pytest.skip("no valgrind")
    return found


def run(valgrind: str, *args: str) -> subprocess.CompletedProcess[str]:
    """The check, with each Python object in a block of its own, so that Valgrind sees when one is gone."""
    return subprocess.run(
        [valgrind, *OPTIONS, sys.executable, str(CHECK), *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONMALLOC": "malloc"},
    )


def test_memory_that_is_gone_is_not_touched(valgrind: str) -> None:
    """Arrays are copied, lent, given away and collected in flight."""
    done = run(valgrind)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_planted_access_to_such_memory_is_found(valgrind: str) -> None:
    """Without this, the other test would say nothing."""
    done = run(valgrind, "planted")
    assert done.returncode == FOUND_ERROR, done.stderr
    assert "Invalid read" in done.stderr or "Invalid write" in done.stderr
