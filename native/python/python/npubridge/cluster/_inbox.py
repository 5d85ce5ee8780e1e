"""What a caller waits for, and the stream that its answers come in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import DeviceUnavailableError, InternalError, NpuBridgeError, ProtocolError
from . import _nodes

BLOCK_MS = 1000
LOOK_SECONDS = 0.5
OLD_SECONDS = 1.0
"""Younger operations are not looked after."""
GRACE_SECONDS = 1.5
"""How long an answer may be on its way after its job is gone."""
EXPIRY_MS = 600_000
PAUSE_SECONDS = 0.05
MOST_AT_ONCE = 2000


@dataclass(eq=False)
class Waiting:
    """An operation that is under way."""

    id: str
    lane: str
    job_id: str
    keyed: bool
    reply: asyncio.Future[Mapping[str, Any]]
    since: float
    missed: float | None = None
    """When its job was first found to be gone or failed, without an answer."""


class Inbox:
    """Reads answers, and looks after what has had none for long."""

    def __init__(self, redis: Any, pool: str, caller: str, unreachable_ms: int, shown: str) -> None:
        self._redis, self._pool, self._shown = redis, pool, shown
        # The fields of an entry have one name, of which a dict would keep one.
        redis.set_response_callback("XREAD", lambda reply, **_: reply)
        self._key = f"{pool}:reply:{caller}"
        self._unreachable = unreachable_ms / 1000
        self._waiting: dict[str, Waiting] = {}
        self._last: str | bytes = "0-0"
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._silent_since: float | None = None
        self._empty_since: float | None = None
        self.nodes: list[Mapping[str, Any]] = []
        """Announcements, as last seen."""

    async def open(self) -> None:
        """Makes the stream, which has to be there before the first answer."""
        await self._keep()
        await self._see_nodes()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._look())]

    async def close(self) -> None:
        """Ends it; the stream goes with it."""
        # A cancellation that comes just when redis-py gives up waiting is lost in it.
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._redis.unlink(self._key), 1)

    def expect(self, id: str, lane: str, job_id: str, *, keyed: bool) -> Waiting:
        """An answer will come for ``id``."""
        future = asyncio.get_running_loop().create_future()
        waiting = Waiting(id, lane, job_id, keyed, future, time.monotonic())
        self._waiting[id] = waiting
        return waiting

    def forget(self, waiting: Waiting) -> None:
        """Whatever comes for it now is dropped."""
        self._waiting.pop(waiting.id, None)
        waiting.reply.cancel()

    def give_up(self, error: NpuBridgeError) -> list[Waiting]:
        """Fails all that is under way, and gives it."""
        all_of_them = list(self._waiting.values())
        for waiting in all_of_them:
            self._fail(waiting, error)
        return all_of_them

    def kept(self, text: bytes | None, waiting: Waiting) -> bool:
        """Takes an answer that an earlier operation with the same key had; False where there is none."""
        if text is None:
            return False
        self._deliver({**json.loads(text), "id": waiting.id})
        return True

    async def command(self, name: str, *arguments: Any) -> Any:
        """A command of Redis, once more while Redis is away."""
        return await self.patiently(lambda: getattr(self._redis, name)(*arguments))

    async def patiently(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Tries again while the connection is away, for as long as that is borne. Twice does no harm: a job that is
        there is not added again."""
        end = time.monotonic() + self._unreachable
        while True:
            try:
                return await attempt()
            except (OSError, *_connection_errors()) as error:
                if time.monotonic() > end:
                    raise self._away() from error
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self) -> None:
        while not self._closed:
            try:
                await self._read_once()
            except Exception:  # noqa: BLE001, PERF203 - without a connection there is nothing to read
                self._bear()
                await asyncio.sleep(PAUSE_SECONDS)

    async def _read_once(self) -> None:
        streams = await self._redis.execute_command(
            "XREAD", "COUNT", 256, "BLOCK", BLOCK_MS, "STREAMS", self._key, self._last
        )
        self._silent_since = None
        # One stream, if any: its name, and its entries.
        entries = streams[0][1] if streams else []
        for entry, fields in entries:
            self._last = entry
            for text in fields[1::2]:
                self._take(text)
        if entries:
            await self._redis.xtrim(self._key, minid=self._last)

    def _take(self, text: bytes) -> None:
        with contextlib.suppress(ValueError):
            self._deliver(json.loads(text))

    def _deliver(self, reply: Any) -> None:
        # The first entry of a stream says only that its caller is there.
        if not isinstance(reply, dict):
            return
        waiting = self._waiting.get(str(reply.get("id")))
        if waiting is None:
            return
        if "lane" in reply:
            waiting.lane, waiting.job_id, waiting.missed = str(reply["lane"]), str(reply["job"]), None
        elif not waiting.reply.done():
            waiting.reply.set_result(reply)

    async def _look(self) -> None:
        while not self._closed:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._keep()
                await self._see_nodes()
                await self._look_after(time.monotonic())
            except Exception:  # noqa: BLE001 - Redis is away; the reader tells those who wait
                self._bear()

    async def _keep(self) -> None:
        if not await self._redis.exists(self._key):
            await self._redis.xadd(self._key, {"caller": "here"})
        await self._redis.pexpire(self._key, EXPIRY_MS)

    async def _see_nodes(self) -> None:
        names = [name.decode() for name in await self._redis.zrange(f"{self._pool}:nodes", 0, -1)]
        texts = await self._redis.mget([f"{self._pool}:node:{name}" for name in names]) if names else []
        self.nodes = _nodes.parse(None if text is None else text.decode() for text in texts)
        if any(each["state"] == "ready" for each in self.nodes):
            self._empty_since = None
            return
        now = time.monotonic()
        self._empty_since = now if self._empty_since is None else self._empty_since
        if now - self._empty_since > self._unreachable:
            self.give_up(DeviceUnavailableError(f"no worker takes operations from the pool at {self._shown}"))

    async def _look_after(self, now: float) -> None:
        old = [each for each in self._waiting.values() if now - each.since > OLD_SECONDS][:MOST_AT_ONCE]
        if not old:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for each in old:
            key = f"{self._pool}:queue:{each.lane}:{each.job_id}"
            pipeline.hmget(key, "timestamp", "finishedOn", "failedReason")
        for each, (timestamp, finished, reason) in zip(old, await pipeline.execute(), strict=True):
            failed = finished is not None and reason is not None
            if timestamp is not None and not failed:
                each.missed = None
                continue
            each.missed = now if each.missed is None else each.missed
            if now - each.missed > GRACE_SECONDS:
                said = f"the job failed: {reason.decode()}" if failed else "Redis has lost the operation"
                self._fail(each, InternalError(said, suggestions=("redis-server --appendonly yes keeps jobs",)))

    def _bear(self) -> None:
        now = time.monotonic()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if now - self._silent_since > self._unreachable:
            self.give_up(self._away())

    def _away(self) -> ProtocolError:
        return ProtocolError(
            f"the Redis server at {self._shown} has been away for {self._unreachable * 1000:g} ms",
            suggestions=("redis-cli -u URL ping",),
        )

    def _fail(self, waiting: Waiting, error: NpuBridgeError) -> None:
        if not waiting.reply.done():
            waiting.reply.set_exception(error)


def _connection_errors() -> tuple[type[Exception], ...]:
    from redis import exceptions

    return exceptions.ConnectionError, exceptions.TimeoutError
