"""A caller of a pool. Jobs go by BullMQ, as those of TypeScript do; answers come in a stream of the caller's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from .._results import Failure
from ..errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    NpuBridgeError,
    OperationCancelledError,
    ProtocolError,
    ResourceExhaustedError,
    UnsupportedOperationError,
)
from . import _jobs, _nodes
from ._inbox import Inbox, Waiting
from ._replies import ClusterResult, error_of, inline_bytes, result_of

MOST_INLINE = 4
"""What an operation carries in its job altogether, as a multiple of ``inline_bytes``."""


class Cluster:
    """Submits operations to a pool of workers, from one event loop.

    ``queue`` is the URL of its Redis or Valkey server (``rediss://`` is TLS, with ``?ca=FILE`` for an authority of
    one's own). Jobs are signed with ``key``, or with what ``NPUBRIDGE_CLUSTER_KEY`` says. Tensors up to
    ``inline_bytes`` travel in the job, others as values in Redis that expire. Where Redis stays away for
    ``unreachable_ms``, those who wait are told.
    """

    def __init__(
        self,
        queue: str,
        *,
        pool: str = "npubridge",
        key: str | None = None,
        attempts: int = 3,
        inline_bytes: int = 16 * 1024,
        tensor_bytes: int = 64 * 2**20,
        tensor_expiry_ms: int = 600_000,
        answer_expiry_ms: int = 3_600_000,
        unreachable_ms: int = 10_000,
    ) -> None:
        self._key = key if key is not None else os.environ.get("NPUBRIDGE_CLUSTER_KEY") or None
        if self._key is not None and len(self._key) < _jobs.SHORTEST_KEY:
            raise InvalidArgumentError(
                f"the key of the pool has {len(self._key)} characters",
                suggestions=(f"it has {_jobs.SHORTEST_KEY} or more that nobody can guess: openssl rand -base64 32",),
            )
        self._url, self._shown = _addresses(queue)
        self._pool = pool
        self._attempts = attempts
        self._inline_bytes, self._tensor_bytes = inline_bytes, tensor_bytes
        self._tensor_expiry_ms, self._answer_expiry_ms = tensor_expiry_ms, answer_expiry_ms
        self._unreachable_ms = unreachable_ms
        self._caller = str(uuid4())
        self._queues: dict[str, Any] = {}
        self._redis: Any = None
        self._inbox: Inbox | None = None
        self._offset_ms = 0.0

    async def __aenter__(self) -> Cluster:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connects. Raises ``ProtocolError`` without Redis, ``DeviceUnavailableError`` without a worker."""
        if self._inbox is not None:
            return
        redis, _ = _drivers()
        client = redis.asyncio.from_url(self._url, protocol=2, socket_timeout=5)
        try:
            before = time.monotonic()
            seconds, microseconds = await client.time()
            half_way = (before + time.monotonic()) / 2
        except (redis.RedisError, OSError) as error:
            await client.aclose()
            raise ProtocolError(
                f"the Redis server at {self._shown} cannot be used: {error}",
                suggestions=("redis-server --appendonly yes", "Without a pool everything runs here: npubridge.Bridge"),
            ) from error
        self._redis = client
        self._offset_ms = seconds * 1000 + microseconds / 1000 - half_way * 1000
        inbox = Inbox(client, self._pool, self._caller, self._unreachable_ms, self._shown)
        try:
            await inbox.open()
            _nodes.lane_for(inbox.nodes, device="auto", model=None, priority="normal", where=self._shown)
        except BaseException:
            await inbox.close()
            await client.aclose()
            raise
        self._inbox = inbox

    async def close(self) -> None:
        """Leaves the pool. What is under way is given up."""
        inbox, self._inbox = self._inbox, None
        if inbox is None:
            return
        open_ones = inbox.give_up(OperationCancelledError("the connection to the pool was closed"))
        with contextlib.suppress(Exception):
            await asyncio.wait_for(asyncio.gather(*(self._withdraw(each) for each in open_ones)), 1)
        await inbox.close()
        for queue in self._queues.values():
            await queue.close()
        await self._redis.aclose()

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes that take operations, as last seen."""
        return (
            [] if self._inbox is None else [str(each["name"]) for each in self._inbox.nodes if each["state"] == "ready"]
        )

    async def submit(
        self,
        type: str,
        *,
        priority: str = "normal",
        timeout_ms: float | None = None,
        device: str = "auto",
        idempotency_key: str | None = None,
        **operation: Any,
    ) -> ClusterResult:
        """Runs one operation on a node of the pool; a failure raises a ``NpuBridgeError``.

        Fields are those of ``Bridge.submit`` and of a line of ``npubridge run``. The operation is not begun after
        ``timeout_ms``. ``device`` asks for a node that has it. Operations with the same ``idempotency_key``, also of
        other callers, are one. Cancelling the task cancels the operation.
        """
        inbox = self._inbox
        if inbox is None:
            raise OperationCancelledError("the connection to the pool is closed")
        deadline = None if timeout_ms is None else int(time.monotonic() * 1000 + self._offset_ms + timeout_ms)
        order = _jobs.Order(priority, device, deadline, idempotency_key)
        order.check()
        work = _jobs.work_of({"type": type, **operation})
        lane = _nodes.lane_for(
            inbox.nodes, device=device, model=work.model, priority=priority, where=self._shown, bears=True
        )
        tensors = await self._put(work.tensors)
        job = _jobs.job_of(work, order, caller=self._caller, tensors=tensors, key=self._key)
        waiting = inbox.expect(job["id"], lane, _jobs.bullmq_id(job), keyed=idempotency_key is not None)
        try:
            await self._enqueue(job, waiting)
            reply = await self._answer(waiting, timeout_ms)
            return await self._result(reply, waiting)
        except asyncio.CancelledError:
            inbox.forget(waiting)
            await asyncio.shield(self._withdraw(waiting))
            raise
        finally:
            inbox.forget(waiting)
            await self._drop(tensors)

    async def submit_batch(
        self, operations: Sequence[Mapping[str, Any]], **common: Any
    ) -> list[ClusterResult | Failure]:
        """Runs operations, each a dict of the arguments of ``submit``: a result or a ``Failure`` for each, in their
        order. ``common`` holds for those that say nothing else."""
        results: list[ClusterResult | Failure | None] = [None] * len(operations)
        async for index, result in self.stream(operations, **common):
            results[index] = result
        return results  # type: ignore[return-value]

    async def stream(
        self, operations: Iterable[Mapping[str, Any]], *, in_flight: int = 64, **common: Any
    ) -> AsyncIterator[tuple[int, ClusterResult | Failure]]:
        """Runs operations, at most ``in_flight`` at once, and gives each result with the number of its operation, as
        it comes."""
        numbered = enumerate(operations)
        running: set[asyncio.Task[tuple[int, ClusterResult | Failure]]] = set()
        try:
            while True:
                while len(running) < in_flight and (following := next(numbered, None)) is not None:
                    running.add(asyncio.create_task(self._numbered(*following, common)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _numbered(
        self, index: int, operation: Mapping[str, Any], common: Mapping[str, Any]
    ) -> tuple[int, ClusterResult | Failure]:
        try:
            return index, await self.submit(**{**common, **operation})
        except NpuBridgeError as error:
            return index, Failure(error)

    async def _enqueue(self, job: Mapping[str, Any], waiting: Waiting) -> None:
        inbox = self._inbox
        if inbox is None:
            raise OperationCancelledError("the connection to the pool is closed")
        key = job.get("key")
        if key is not None:
            waiters = f"{self._pool}:waiters:{key}"
            await inbox.command("sadd", waiters, f"{self._caller} {job['id']}")
            await inbox.command("pexpire", waiters, self._answer_expiry_ms)
            if inbox.kept(await inbox.command("get", f"{self._pool}:answer:{key}"), waiting):
                return
        bundle = {"v": _jobs.JOB_VERSION, "begun": 0, "jobs": [job]}
        name = job["need"].get("model", "operation")
        await inbox.patiently(
            lambda: self._queue(waiting.lane).add(name, bundle, _jobs.bullmq_options(job, self._attempts))
        )

    async def _answer(self, waiting: Waiting, timeout_ms: float | None) -> Mapping[str, Any]:
        if timeout_ms is None:
            return await waiting.reply
        done, _ = await asyncio.wait({waiting.reply}, timeout=timeout_ms / 1000)
        # What a worker has begun is that worker's to judge.
        if not done and await self._withdraw(waiting, tell=False):
            raise DeadlineExceededError(f"no worker took the operation within its {timeout_ms:g} ms")
        return await waiting.reply

    async def _result(self, reply: Mapping[str, Any], waiting: Waiting) -> ClusterResult:
        if "error" in reply:
            raise error_of(reply)
        references = reply.get("tensors", [])
        tensors = [await self._get(each) for each in references]
        result = result_of(reply, tensors, (time.monotonic() - waiting.since) * 1e6)
        if not waiting.keyed:
            await self._drop(references)
        return result

    async def _withdraw(self, waiting: Waiting, *, tell: bool = True) -> bool:
        """Whether nobody will begin it; whoever has is told. With a key it is none of ours alone."""
        if waiting.keyed:
            return True
        removed = await self._queue(waiting.lane).remove(waiting.job_id) == 1
        if not removed and tell:
            await self._redis.publish(f"{self._pool}:control", waiting.id)
        return removed

    async def _put(self, tensors: Sequence[bytes]) -> list[dict[str, Any]]:
        references, inlined = [], 0
        for tensor in tensors:
            if len(tensor) <= self._inline_bytes and inlined + len(tensor) <= self._inline_bytes * MOST_INLINE:
                inlined += len(tensor)
                references.append(_jobs.inline(tensor))
                continue
            if len(tensor) > self._tensor_bytes:
                raise ResourceExhaustedError(
                    f"a tensor has {len(tensor)} bytes, Redis is to hold at most {self._tensor_bytes} of one"
                )
            name = str(uuid4())
            await self._redis.set(f"{self._pool}:tensor:{name}", tensor, px=self._tensor_expiry_ms)
            references.append({"redis": name, "bytes": len(tensor)})
        return references

    async def _get(self, reference: Mapping[str, Any]) -> bytes:
        data = inline_bytes(reference)
        if data is None and "file" in reference:
            raise UnsupportedOperationError("a tensor of the answer is in a shared folder, which Python does not read")
        if data is None:
            data = await self._redis.get(f"{self._pool}:tensor:{reference['redis']}")
            if data is None or len(data) != reference["bytes"]:
                raise ResourceExhaustedError("a tensor of the answer is gone: it has expired, or Redis lost it")
        return data

    async def _drop(self, references: Sequence[Mapping[str, Any]]) -> None:
        names = [f"{self._pool}:tensor:{each['redis']}" for each in references if "redis" in each]
        if names:
            with contextlib.suppress(Exception):
                await self._redis.unlink(*names)

    def _queue(self, lane: str) -> Any:
        if lane not in self._queues:
            redis, bullmq = _drivers()
            connection = redis.asyncio.from_url(self._url, decode_responses=True)
            self._queues[lane] = bullmq.Queue(lane, {"connection": connection, "prefix": f"{self._pool}:queue"})
        return self._queues[lane]


def _drivers() -> tuple[Any, Any]:
    try:
        import bullmq
        import redis
        import redis.asyncio
    except ImportError as error:
        raise UnsupportedOperationError(
            "bullmq and redis, which join several hosts, are not installed",
            suggestions=("pip install 'npubridge[cluster]'",),
        ) from error
    return redis, bullmq


def _addresses(url: str) -> tuple[str, str]:
    """What redis-py is given, and what may be shown: without the password."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise InvalidArgumentError(
            f"{url.rpartition('@')[2]!r} is not the URL of a Redis server",
            suggestions=("redis://HOST:6379", "rediss://USER:PASSWORD@HOST:6380 for TLS"),
        )
    names = {"ca": "ssl_ca_certs", "cert": "ssl_certfile", "key": "ssl_keyfile"}
    query = urlencode([(names.get(name, name), value) for name, value in parse_qsl(parts.query)])
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="")
    return urlunsplit(parts._replace(query=query)), urlunsplit(shown)
