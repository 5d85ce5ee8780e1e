"""Native engine, else an archived old module, else the bundled reference: each step is logged with its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import FIXTURES
from support import succeeds

WITHOUT_NATIVE = (
    "import logging, sys; sys.modules['npubridge._native'] = None; logging.basicConfig(stream=sys.stdout)\n"
)
ARCHIVE = "deprecated/npu_bridge_python_legacy_20250101/npu_coordination_bridge_buggy_original.py"

WORK = """
import asyncio, warnings
warnings.simplefilter("ignore")
import npubridge
from npubridge import compat
print(compat.get_bridge_status(), compat.RUST_BRIDGE_AVAILABLE, compat.FALLBACK_MODE)
async def main():
    bridge = await compat.create_npu_bridge()
    workflow_id, tasks = await bridge.create_workflow([{"priority": 9}, {"priority": 1}])
    result = await bridge.execute_workflow(workflow_id, tasks)
    print([task.task_id[-1] for task in tasks], result.tasks_completed, result.success_rate)
    cycle = [compat.WorkflowTask(a, "x", "", 1, [b]) for a, b in ("ab", "ba")]
    print([task.task_id for task in bridge.resolve_dependencies(cycle)], list(bridge.group_by_execution_level(cycle)))
    for kind in ("echo", "anything", "inference"):
        done = await bridge.get_result(await bridge.submit_operation(compat.NPUOperation("op", kind, [1, 2.5])))
        print(kind, done.success, done.result_data, done.error_message)
    await bridge.shutdown()
asyncio.run(main())
try:
    asyncio.run(npubridge.Bridge().submit("echo"))
except npubridge.UnsupportedOperationError as error:
    print("Bridge:", error)
"""


def test_with_the_engine_nothing_is_logged(tmp_path: Path) -> None:
    script = "import logging, sys; logging.basicConfig(stream=sys.stdout)" + WORK
    told = succeeds(script, cwd=tmp_path)
    assert "{'rust_available': True, 'fallback_mode': False, 'performance_mode': 'rust'} True False" in told
    assert "is not used" not in told


def test_without_engine_and_archive_the_reference_runs(tmp_path: Path) -> None:
    told = succeeds(WITHOUT_NATIVE + WORK, cwd=tmp_path)
    assert "the native engine is not used: the native extension cannot be loaded" in told
    assert "no archived module is used: there is no deprecated/" in told
    assert "the bundled reference runs instead" in told
    assert "{'rust_available': False, 'fallback_mode': True, 'performance_mode': 'python'} False True" in told
    assert "['1', '0'] 2 1.0" in told
    assert "['a', 'b'] [0, 1]" in told
    assert "echo True [1.0, 2.5] None" in told
    assert "anything False None operation_type is 'anything'; known types: echo" in told
    assert "inference False None inference needs the native engine" in told
    assert "Bridge: the native extension cannot be loaded" in told


def test_an_archived_first_generation_is_asked_first_and_its_failures_are_told(tmp_path: Path) -> None:
    archive = tmp_path / ARCHIVE
    archive.parent.mkdir(parents=True)
    shutil.copy(FIXTURES / "v1" / "npu_coordination_bridge.py", archive)
    told = succeeds(WITHOUT_NATIVE + WORK, cwd=tmp_path)
    assert f"the archived module {archive} runs instead" in told
    assert "['1', '0'] 2 1.0" in told
    assert "group_by_execution_level of" in told
    assert "RecursionError" in told
    assert "['a', 'b'] [0, 1]" in told
    assert "echo True [1.0, 2.5] None" in told


def test_an_archived_second_generation_echoes_what_is_an_echo(tmp_path: Path) -> None:
    script = WITHOUT_NATIVE + WORK
    archive = FIXTURES / "v2" / "npu_coordination_bridge.py"
    told = succeeds(script, cwd=tmp_path, NPUBRIDGE_LEGACY_MODULE=str(archive))
    assert f"the archived module {archive} runs instead" in told
    assert "echo True [1.0, 2.5] None" in told
    assert "anything False None" in told


def test_an_archived_module_that_cannot_be_loaded_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import sys\nsys.path.insert(0, '/wrong')\nraise RuntimeError('old and tired')\n")
    script = WITHOUT_NATIVE + WORK + "assert '/wrong' not in sys.path\n"
    told = succeeds(script, cwd=tmp_path, NPUBRIDGE_LEGACY_MODULE=str(broken))
    assert "no archived module is used: old and tired" in told
    assert "the bundled reference runs instead" in told


def test_loading_an_archived_module_leaves_path_and_logging_alone(tmp_path: Path) -> None:
    succeeds(
        "import sys, logging; sys.modules['npubridge._native'] = None\n"
        "from npubridge import compat\n"
        "before = list(sys.path)\n"
        "assert compat.get_bridge_status()['fallback_mode']\n"
        "assert sys.path == before and not logging.getLogger().handlers",
        cwd=tmp_path,
        NPUBRIDGE_LEGACY_MODULE=str(FIXTURES / "v1" / "npu_coordination_bridge.py"),
    )
