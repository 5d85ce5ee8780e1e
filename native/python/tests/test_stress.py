"""Many threads and loops at once: each operation is answered once, with its own answer.

``NPUBRIDGE_STRESS`` sets how many operations each loop submits.
"""

from __future__ import annotations

import asyncio
import collections
import os
import threading

import npubridge
import numpy as np

THREADS, LOOPS = 8, 4
OPERATIONS = int(os.environ.get("NPUBRIDGE_STRESS", "10000"))
IN_FLIGHT = 64


def test_each_operation_is_answered_once() -> None:
    bridge = npubridge.Bridge("cpu")
    answered: collections.Counter[int] = collections.Counter()
    wrong: list[tuple[int, object]] = []
    lock = threading.Lock()

    async def submit(first: int, count: int) -> list[int]:
        seen = []
        for number in range(first, first + count):
            if number % 17 == 0:
                result = await bridge.submit("echo", data=np.full(8, number))
                got = int(result.data[3])
            else:
                got = (await bridge.submit("echo", data=number, priority=number % 5)).data
            if got != number:
                wrong.append((number, got))
            seen.append(number)
        return seen

    async def loop(first: int) -> None:
        share = -(-OPERATIONS // IN_FLIGHT)
        starts = range(first, first + OPERATIONS, share)
        end = first + OPERATIONS
        done = await asyncio.gather(*(submit(start, min(share, end - start)) for start in starts))
        with lock:
            for numbers in done:
                answered.update(numbers)

    def work(index: int) -> None:
        for turn in range(LOOPS):
            asyncio.run(loop((index * LOOPS + turn) * OPERATIONS))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = THREADS * LOOPS * OPERATIONS
    assert wrong == []
    assert (len(answered), set(answered.values())) == (total, {1})
    assert bridge.metrics()["completed"] == total
    bridge.close()
