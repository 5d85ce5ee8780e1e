"""What several tests need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def python(script: str, *options: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in another interpreter."""
    return subprocess.run(
        [sys.executable, "-B", *options, "-c", script],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        timeout=120,
        check=False,
    )


def succeeds(script: str, *options: str, cwd: Path | None = None, **env: str) -> str:
    """What a script prints that must not fail."""
    done = python(script, *options, cwd=cwd, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def need(what: str, where: str | None) -> Path:
    """A folder that an environment variable names; the test is skipped without it, unless nothing may be skipped."""
    if where and Path(where).exists():
        return Path(where)
    message = f"{what} is not there"
    if os.environ.get("NPUBRIDGE_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def ids(tasks: list[Any]) -> list[str]:
    """The ids of tasks."""
    return [task.task_id for task in tasks]
