"""Moves memory across the border in every way, for a run under Valgrind:

``PYTHONMALLOC=malloc valgrind --error-exitcode=99 --undef-value-errors=no python tests/memory_check.py``

With the argument ``planted`` it reads memory that is gone, so that a run shows that such a read is found.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys

import npubridge
import numpy as np


async def main() -> None:
    """Copies, lends, gives up and outlives arrays while operations are in flight."""
    bridge = npubridge.Bridge("cpu", worker_threads=2)
    bridge.start()
    kept = []
    for index in range(30):
        small, large = np.full(100, index, np.float32), np.full(50_000, index, np.float64)
        given = np.full(40_000, index, np.int64)
        waiting = [
            asyncio.ensure_future(bridge.submit("echo", data=small)),
            asyncio.ensure_future(bridge.submit("echo", data=large)),
            asyncio.ensure_future(bridge.submit("echo", data=given, transfer=True)),
            asyncio.ensure_future(bridge.submit("echo", data=np.arange(60_000)[::2], transfer=True)),
            asyncio.ensure_future(bridge.submit("echo", data=bytearray(9000).hex())),
        ]
        await asyncio.sleep(0)
        # In flight: what was copied may change, what was given away can neither be resized nor lost.
        large[:] = -1
        try:
            given.resize(1, refcheck=False)
        except ValueError:
            pass
        else:
            raise AssertionError("an array that was given away was resized")
        del given
        waiting[index % 5].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        for result, expected in zip(results[:3], (index, index, index), strict=True):
            if not isinstance(result, BaseException):
                assert (result.data == expected).all()
                kept.append(result.data[::3])
        batch = await bridge.submit_batch([{"type": "echo", "data": small}] * 20)
        assert all((result.data == index).all() for result in batch)
        del results, batch, waiting
    await bridge.shutdown()
    del bridge
    gc.collect()
    assert sum(float(each.sum()) for each in kept) > 0


def planted() -> None:
    """Reads memory that was freed."""
    data = np.zeros(100_000)
    address = data.ctypes.data
    del data
    ctypes.c_double.from_address(address).value += 1


if __name__ == "__main__":
    asyncio.run(main())
    if sys.argv[1:] == ["planted"]:
        planted()
    print("done")
