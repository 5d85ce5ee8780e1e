"""Loops that close, processes that fork and interpreters that end while operations are in flight."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from typing import Any

import npubridge
import pytest
from support import succeeds


def test_a_loop_may_close_with_operations_in_flight() -> None:
    bridge = npubridge.Bridge("cpu")
    bridge.call("echo")
    for _ in range(20):
        loop = asyncio.new_event_loop()
        for _ in range(5):
            operation = bridge.submit("benchmark", kind="echo", duration_ms=5)
            task = loop.create_task(operation)
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert asyncio.run(bridge.submit("echo", data=1)).data == 1
    bridge.close()


def test_loops_that_are_closed_are_forgotten() -> None:
    bridge = npubridge.Bridge("cpu")
    loops: list[Any] = []

    async def work() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await bridge.submit("echo")

    for _ in range(10):
        asyncio.run(work())
    gc.collect()
    assert sum(loop() is not None for loop in loops) <= 2
    bridge.close()


def test_a_loop_that_lives_long_keeps_nothing_of_bridges_that_ended() -> None:
    async def main() -> tuple[int, int]:
        counts = []
        for _ in range(2):
            for _ in range(20):
                async with npubridge.Bridge("cpu") as bridge:
                    await bridge.submit("echo")
            await asyncio.sleep(0.01)
            counts.append(len(os.listdir("/proc/self/fd")))
        return counts[0], counts[1]

    first, second = asyncio.run(main())
    assert second <= first


def test_a_loop_that_watches_no_files_is_served_too() -> None:
    class Plain(asyncio.SelectorEventLoop):
        woken = 0

        def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
            raise NotImplementedError

        def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
            self.woken += 1
            return super().call_soon_threadsafe(callback, *args, context=context)

    async def work(bridge: npubridge.Bridge) -> list[Any]:
        results = await asyncio.gather(*(bridge.submit("echo", data=index) for index in range(500)))
        return [result.data for result in results]

    bridge = npubridge.Bridge("cpu")
    bridge.start()
    loop = Plain()
    assert loop.run_until_complete(work(bridge)) == list(range(500))
    assert 0 < loop.woken < 500
    waiting = loop.create_task(bridge.submit("benchmark", kind="echo", duration_ms=20))
    loop.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    assert asyncio.run(bridge.submit("echo", data=1)).data == 1
    bridge.close()


def test_a_bridge_that_nobody_keeps_ends_its_threads() -> None:
    succeeds(
        "import gc, os, time, npubridge\n"
        "def threads(): return len(os.listdir('/proc/self/task'))\n"
        "before = threads()\n"
        "bridge = npubridge.Bridge('cpu'); bridge.call('echo')\n"
        "assert threads() > before\n"
        "del bridge; gc.collect()\n"
        "assert threads() == before, threads()"
    )


@pytest.mark.parametrize("ending", ["pass", "sys.exit(0)", "raise SystemExit"])
def test_the_interpreter_ends_with_operations_in_flight(ending: str) -> None:
    succeeds(
        "import asyncio, sys, threading, npubridge\n"
        "import numpy as np\n"
        "bridge = npubridge.Bridge('cpu'); bridge.call('echo')\n"
        "async def main():\n"
        "    for _ in range(200):\n"
        "        loop.create_task(bridge.submit('echo', data=np.zeros(50_000), transfer=True))\n"
        "        loop.create_task(bridge.submit('benchmark', kind='echo', duration_ms=5))\n"
        "    await asyncio.sleep(0.01)\n"
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main())\n"
        "import os; sys.stderr = open(os.devnull, 'w')  # asyncio complains of tasks that were left\n"
        f"{ending}"
    )


def test_an_exception_in_the_main_program_is_not_held_up() -> None:
    succeeds(
        "import threading, asyncio, npubridge\n"
        "bridge = npubridge.Bridge('cpu')\n"
        "def work(): asyncio.run(bridge.submit('benchmark', kind='echo', duration_ms=100))\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "import time; time.sleep(0.3)"
    )


def test_a_forked_child_is_told_and_may_have_a_bridge_of_its_own() -> None:
    told = succeeds(
        "import asyncio, gc, os, npubridge\n"
        "bridge = npubridge.Bridge('cpu'); bridge.call('echo')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try: asyncio.run(bridge.submit('echo'))\n"
        "    except npubridge.UnsupportedOperationError as error: print(error, flush=True)\n"
        "    print(bridge.forked, npubridge.Bridge('cpu').call('echo', data='mine').data, flush=True)\n"
        "    del bridge; gc.collect()\n"
        "    raise SystemExit(3)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3\n"
        "print(bridge.forked, bridge.call('echo', data='still').data)",
        "-W",
        "ignore",
    )
    assert "belongs to the parent process" in told
    assert "create another Bridge" in told
    assert "True mine" in told
    assert "False still" in told


def test_the_old_interface_gets_a_fresh_engine_in_a_forked_child() -> None:
    told = succeeds(
        "import asyncio, os\n"
        "from npubridge import compat\n"
        "bridge = compat.NPUCoordinationBridge({'hardware_acceleration': False})\n"
        "async def echo(name):\n"
        "    operation = compat.NPUOperation(name, 'echo', [1])\n"
        "    print(name, await bridge.get_result(await bridge.submit_operation(operation)), flush=True)\n"
        "asyncio.run(echo('parent'))\n"
        "child = os.fork()\n"
        "asyncio.run(echo('child' if child == 0 else 'still'))\n"
        "if child: assert os.waitpid(child, 0)[1] == 0",
        "-W",
        "ignore",
    )
    assert told.count("success=True") == 3, told


def test_ctrl_c_ends_a_blocking_call() -> None:
    succeeds(
        "import npubridge, os, signal, threading, time\n"
        # A shell lets what it starts in the background ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "bridge = npubridge.Bridge('cpu'); bridge.call('echo')\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "begun = time.perf_counter()\n"
        "try: bridge.call('benchmark', kind='echo', duration_ms=3000)\n"
        "except KeyboardInterrupt: assert time.perf_counter() - begun < 2.5\n"
        "else: raise AssertionError('not interrupted')"
    )


def test_blocking_work_lets_other_threads_run() -> None:
    bridge = npubridge.Bridge("cpu")
    bridge.call("echo")
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    bridge.call("benchmark", kind="echo", duration_ms=200)
    done.set()
    thread.join()
    assert counted > 1000
    bridge.close()
