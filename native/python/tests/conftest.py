"""Loads modules under test by path, so that no build of the package is needed."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "native" / "python" / "python" / "npubridge" / "_reference" / "npu_coordination_bridge.py"
FIXTURES = ROOT / "test" / "fixtures" / "legacy"


def use_managed_folders() -> None:
    """Lets the tests run on what ``npubridge setup`` and ``models pull`` have fetched, unless others are named."""
    home = os.environ.get("NPUBRIDGE_HOME")
    share = os.environ.get("XDG_DATA_HOME")
    data = Path(home) if home else (Path(share) if share else Path.home() / ".local" / "share") / "npubridge"
    runtimes = sorted((data / "runtimes").glob("openvino-*"))
    if runtimes:
        os.environ.setdefault("NPUBRIDGE_RUNTIME", str(runtimes[-1]))
    if (data / "models").is_dir():
        os.environ.setdefault("NPUBRIDGE_TEST_MODELS", str(data / "models"))


use_managed_folders()


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module at ``path``, under the name its callers import it by."""
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The reference module without its sleep."""
    monkeypatch.setenv("NPUBRIDGE_LEGACY_SLEEP", "0")
    return load(REFERENCE, monkeypatch)


@pytest.fixture
def defective_v1(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The first generation with its defects."""
    return load(FIXTURES / "v1" / "npu_coordination_bridge.py", monkeypatch)


@pytest.fixture
def defective_v2(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The second generation with its defects."""
    return load(FIXTURES / "v2" / "npu_coordination_bridge.py", monkeypatch)
