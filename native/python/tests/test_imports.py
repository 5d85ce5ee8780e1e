"""How callers import the module, what that changes, and which line is warned of."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest
from npubridge import compat
from support import python, succeeds

SHIM = "from npubridge.compat import *  # noqa\n"
USE = "NPUCoordinationBridge, NPU_AVAILABLE, get_project_root"


@pytest.mark.parametrize(
    ("shim", "marker", "statement"),
    [
        ("npu_coordination_bridge.py", None, f"from npu_coordination_bridge import {USE}"),
        (
            "legacy/npu_coordination_bridge.py",
            "legacy/__init__.py",
            f"from legacy.npu_coordination_bridge import {USE}",
        ),
        (
            "agents/src/python/npu_coordination_bridge.py",
            None,
            f"from agents.src.python.npu_coordination_bridge import {USE}",
        ),
        (None, None, f"from npubridge.compat import {USE}"),
    ],
    ids=["module", "package", "namespace package", "compat itself"],
)
@pytest.mark.parametrize("awaited", [False, True], ids=["class", "coroutine"])
def test_it_can_be_imported_and_warns_at_the_callers_line(
    tmp_path: Path, shim: str | None, marker: str | None, statement: str, awaited: bool
) -> None:
    if shim:
        (tmp_path / shim).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / shim).write_text(SHIM)
    if marker:
        (tmp_path / marker).touch()
    use = "asyncio.run(create_npu_bridge())" if awaited else "NPUCoordinationBridge()"
    lines = ["import asyncio", statement, "", use, "print('went on')"]
    if awaited:
        lines[1] = re.sub("import .*", "import create_npu_bridge", statement)
    script = tmp_path / "caller.py"
    script.write_text("\n".join(lines))
    runner = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )

    lenient = python(runner, "-W", "always::DeprecationWarning", cwd=tmp_path)
    assert lenient.returncode == 0, lenient.stderr
    assert f"{script}:4: DeprecationWarning: NPUCoordinationBridge" in lenient.stderr
    assert "use npubridge.Bridge" in lenient.stderr

    strict = python(runner, "-W", "error::DeprecationWarning", cwd=tmp_path)
    assert strict.returncode == 1
    assert "went on" not in strict.stdout
    frames = re.findall(r'File "(.*)", line (\d+)', strict.stderr)
    assert (str(script), "4") in frames
    assert "DeprecationWarning" in strict.stderr.splitlines()[-1]


@pytest.mark.parametrize("call", ["LegacyNPUCoordinator()", "create_default_bridge()", "RustNPUBridge()"])
def test_every_old_entry_warns_at_the_callers_line(tmp_path: Path, call: str) -> None:
    script = tmp_path / "caller.py"
    script.write_text(f"from npubridge.compat import *\n\n{call}\n")
    done = python(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", "-W", "always")
    assert f"{script}:3: DeprecationWarning" in done.stderr


def test_importing_changes_nothing_else() -> None:
    succeeds(
        "import logging, sys, threading; before = list(sys.path), list(logging.getLogger().handlers)\n"
        "import npubridge.compat\n"
        "assert (list(sys.path), list(logging.getLogger().handlers)) == before\n"
        "assert logging.getLogger().level == logging.WARNING\n"
        "assert 'numpy' not in sys.modules and 'openvino' not in sys.modules\n"
        "assert threading.active_count() == 1",
        "-W",
        "error",
    )


def test_classes_belong_to_the_module_that_callers_import_them_from() -> None:
    for name in compat.__all__:
        value = getattr(compat, name)
        assert not inspect.isclass(value) or value.__module__ == "npubridge.compat", name
    given = [
        compat.CoordinationMode.RELIABILITY_FIRST,
        compat.Priority.HIGH,
        compat.WorkflowTask("t", "director", "Task"),
        compat.WorkflowResult("w", 1, 1, 1.0, 1.0, {}, {}),
        compat.NPUOperation("o", "echo", [1.0]),
        compat.NPUResult("o", True),
    ]
    kept = pickle.dumps(given)
    assert pickle.loads(kept) == given
    assert b"_compat" not in kept


def test_the_parts_of_the_old_interface_know_nothing_of_it() -> None:
    succeeds(
        "import importlib, pkgutil, sys\n"
        "from npubridge import _compat\n"
        "names = [each.name for each in pkgutil.iter_modules(_compat.__path__)]\n"
        "assert names\n"
        "for name in names: importlib.import_module(f'npubridge._compat.{name}')\n"
        "assert 'npubridge.compat' not in sys.modules"
    )


def test_it_is_typed() -> None:
    import npubridge

    folder = Path(npubridge.__file__).parent
    assert (folder / "py.typed").exists()
    assert (folder / "_native.pyi").exists()


def test_without_numpy_tensors_are_bytes_with_a_shape() -> None:
    succeeds(
        "import sys; sys.modules['numpy'] = None\n"
        "import array, asyncio, npubridge\n"
        "from npubridge import compat\n"
        "async def main():\n"
        "    async with npubridge.Bridge('cpu') as bridge:\n"
        "        sent = npubridge.Tensor('FP32', (2, 2), array.array('f', [1, 2, 3, 4]).tobytes())\n"
        "        got = (await bridge.submit('echo', data=sent)).data\n"
        "        assert got == sent and got.tolist() == [1, 2, 3, 4], got\n"
        "        for wrong in (array.array('u', 'a'), 'text', [1, None], {'data': [1], 'datatype': 'FP7'}):\n"
        "            try: await bridge.submit('inference', model='m', inputs={'x': wrong})\n"
        "            except npubridge.DtypeMismatchError: continue\n"
        "            raise AssertionError(wrong)\n"
        "    old = compat.NPUCoordinationBridge()\n"
        "    done = await old.get_result(await old.submit_operation(compat.NPUOperation('a', 'echo', [1, 2.5])))\n"
        "    assert done.result_data == [1.0, 2.5], done\n"
        "    await old.shutdown()\n"
        "asyncio.run(main())"
    )
