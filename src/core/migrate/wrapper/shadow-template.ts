/** The wrapper of a gradual roll-out: the original stays active, a share of the calls goes through npubridge. */
export const SHADOW = String.raw`"""The NPU coordination bridge during its roll-out.

The archived original runs in this module. NPUBRIDGE_ROLLOUT=0..100 (default 0) is the share, in percent, of the calls
that npubridge.compat answers instead. Methods without side effects are then answered by both, and differences other
than ids and times are logged by the logger "npubridge.rollout".
Finish: npubridge migrate promote   Undo: npubridge migrate rollback
"""

@@COMMON@@

import asyncio as _npubridge_asyncio
import contextvars as _npubridge_contextvars
import dataclasses as _npubridge_dataclasses
import enum as _npubridge_enum
import functools as _npubridge_functools
import inspect as _npubridge_inspect
import logging as _npubridge_logging
import math as _npubridge_math
import re as _npubridge_re

__npubridge__ = {"active": "archive", "reason": "roll-out", "strategy": "shadow"}

# No side effects: both answers can be had and compared.
_NPUBRIDGE_PURE = (
    "calculate_priority",
    "create_workflow",
    "group_by_execution_level",
    "optimize_workflow",
    "resolve_dependencies",
)
# Done once, by whoever is chosen.
_NPUBRIDGE_ROUTED = ("execute_single_task", "execute_workflow", "npu_select_agent", "submit_operation")
_NPUBRIDGE_BOTH = ("initialize", "load_agent_cache", "shutdown")
# Operations whose result was not fetched; the oldest are forgotten.
_NPUBRIDGE_MOST_PENDING = 10000

_npubridge_log = _npubridge_logging.getLogger("npubridge.rollout")
_npubridge_inside = _npubridge_contextvars.ContextVar("npubridge_inside", default=False)


class _NpuBridgeRollout:
    """Decides which calls go through npubridge; exact over any hundred calls with the same share."""

    def __init__(self):
        self._lock = _npubridge_threading.Lock()
        self._credit = 0.0
        self._told = set()
        self._compat = None

    def tell_once(self, message):
        with self._lock:
            if message in self._told:
                return
            self._told.add(message)
        _npubridge_warnings.warn(message, RuntimeWarning, stacklevel=4)

    def share(self):
        text = _npubridge_os.environ.get("NPUBRIDGE_ROLLOUT", "").strip()
        if not text:
            return 0.0
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 100:
            self.tell_once("NPUBRIDGE_ROLLOUT={!r} is not a number from 0 to 100; taken as 0".format(text))
            return 0.0
        return share

    def compat(self):
        """npubridge.compat, or None when the share is 0 or it cannot be imported."""
        if self.share() == 0:
            return None
        if self._compat is None:
            try:
                import npubridge.compat as compat
            except Warning:
                raise
            except Exception as problem:
                self.tell_once(
                    "npubridge cannot be imported ({}: {}); {} sends every call to the original. "
                    "Remedy: pip install npubridge=={}".format(
                        type(problem).__name__, problem, __name__, _NPUBRIDGE_VERSION
                    )
                )
                return None
            self._compat = compat
        return self._compat

    def takes_next(self):
        share = self.share()
        with self._lock:
            self._credit += share
            if self._credit < 100:
                return False
            self._credit -= 100
            return True


_npubridge_rollout = _NpuBridgeRollout()


def _npubridge_convert(value, names):
    """The same value in the classes that names has: dataclasses field by field, enums by name."""
    kind = type(value)
    if _npubridge_dataclasses.is_dataclass(kind):
        target = names.get(kind.__name__)
        if not _npubridge_dataclasses.is_dataclass(target):
            return value
        known = {field.name for field in _npubridge_dataclasses.fields(target) if field.init}
        return target(
            **{
                field.name: _npubridge_convert(getattr(value, field.name), names)
                for field in _npubridge_dataclasses.fields(kind)
                if field.name in known
            }
        )
    if isinstance(value, _npubridge_enum.Enum):
        target = names.get(kind.__name__)
        return getattr(target, value.name, value) if isinstance(target, type) else value
    if kind in (list, tuple, set):
        return kind(_npubridge_convert(item, names) for item in value)
    if kind is dict:
        return {key: _npubridge_convert(item, names) for key, item in value.items()}
    return value


def _npubridge_plain(value):
    """A value for comparison: without times, and with the time in a workflow's id blanked."""
    if _npubridge_dataclasses.is_dataclass(type(value)):
        value = {field.name: getattr(value, field.name) for field in _npubridge_dataclasses.fields(value)}
    if isinstance(value, _npubridge_enum.Enum):
        return value.name
    if isinstance(value, str):
        return _npubridge_re.sub(r"workflow_\d+", "workflow_#", value)
    if isinstance(value, dict):
        return {
            _npubridge_plain(key): _npubridge_plain(item)
            for key, item in value.items()
            if not (isinstance(key, str) and ("time" in key or key.endswith("_ms")))
        }
    if isinstance(value, (list, tuple)):
        return [_npubridge_plain(item) for item in value]
    return value


def _npubridge_same(old, new):
    if isinstance(old, float) and isinstance(new, float):
        return _npubridge_math.isclose(old, new, rel_tol=1e-9) or (old != old and new != new)
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_npubridge_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_npubridge_same, old, new))
    return old == new


class _NpuBridgeOutcome:
    """How a call ended: with a value or with an exception."""

    def __init__(self, value=None, error=None):
        self.value, self.error = value, error

    def get(self):
        if self.error is not None:
            raise self.error
        return self.value

    def __str__(self):
        text = repr(self.value) if self.error is None else "{}: {}".format(type(self.error).__name__, self.error)
        return text if len(text) <= 500 else text[:497] + "..."


def _npubridge_settle(name, old, new):
    """What the caller gets of two answers, after their difference was logged: the new one, unless it failed."""
    if old.error is None and new.error is None:
        if not _npubridge_same(_npubridge_plain(old.value), _npubridge_plain(new.value)):
            _npubridge_log.warning("%s differs: original %s, npubridge %s", name, old, new)
    elif type(old.error).__name__ != type(new.error).__name__:
        _npubridge_log.warning("%s differs: original %s, npubridge %s", name, old, new)
    return old.get() if new.error is not None else new.get()


def _npubridge_shadow(original):
    """A class that is the original to all who look, and sends some of its calls to a twin."""

    class Shadow(original):
        def __init__(self, *args, **kwargs):
            self._npubridge_arguments = (args, kwargs)
            self._npubridge_twin = None
            self._npubridge_ready = None
            self._npubridge_initialized = False
            self._npubridge_pending = {}
            super().__init__(*args, **kwargs)

        def _npubridge_get_twin(self, compat):
            if self._npubridge_twin is None:
                args, kwargs = self._npubridge_arguments
                self._npubridge_twin = compat.NPUCoordinationBridge(*args, **kwargs)
            return self._npubridge_twin

        async def _npubridge_get_ready_twin(self, compat):
            twin = self._npubridge_get_twin(compat)
            if self._npubridge_initialized:
                if self._npubridge_ready is None:
                    self._npubridge_ready = _npubridge_asyncio.ensure_future(twin.initialize())
                await self._npubridge_ready
            return twin

    for name in _NPUBRIDGE_PURE + _NPUBRIDGE_ROUTED + _NPUBRIDGE_BOTH:
        method = getattr(original, name, None)
        if method is not None:
            setattr(Shadow, name, _npubridge_method(name, method))
    for name, make in (("get_result", _npubridge_get_result), ("get_performance_stats", _npubridge_get_stats)):
        method = getattr(original, name, None)
        if method is not None:
            setattr(Shadow, name, make(method))
    Shadow.__name__, Shadow.__qualname__ = original.__name__, original.__qualname__
    Shadow.__module__, Shadow.__doc__ = original.__module__, original.__doc__
    return Shadow


def _npubridge_arguments_for(compat, args, kwargs):
    names = vars(compat)
    return (
        tuple(_npubridge_convert(value, names) for value in args),
        {key: _npubridge_convert(value, names) for key, value in kwargs.items()},
    )


def _npubridge_chosen():
    """npubridge.compat when this call is to go through it. Calls from within a call stay where they are."""
    if _npubridge_inside.get():
        return None
    compat = _npubridge_rollout.compat()
    return compat if compat is not None and _npubridge_rollout.takes_next() else None


def _npubridge_method(name, method):
    if not _npubridge_inspect.iscoroutinefunction(method):

        @_npubridge_functools.wraps(method)
        def routed(self, *args, **kwargs):
            compat = _npubridge_chosen()
            token = _npubridge_inside.set(True)
            try:
                if compat is None:
                    return method(self, *args, **kwargs)
                new_args, new_kwargs = _npubridge_arguments_for(compat, args, kwargs)
                try:
                    twin = self._npubridge_get_twin(compat)
                    answer = getattr(twin, name)(*new_args, **new_kwargs)
                    new = _NpuBridgeOutcome(_npubridge_convert(answer, globals()))
                except Exception as error:
                    new = _NpuBridgeOutcome(error=error)
                try:
                    old = _NpuBridgeOutcome(method(self, *args, **kwargs))
                except Exception as error:
                    old = _NpuBridgeOutcome(error=error)
                return _npubridge_settle(name, old, new)
            finally:
                _npubridge_inside.reset(token)

        return routed

    @_npubridge_functools.wraps(method)
    async def routed_async(self, *args, **kwargs):
        compat = _npubridge_rollout.compat() if name in _NPUBRIDGE_BOTH else _npubridge_chosen()
        token = _npubridge_inside.set(True)
        try:
            if name in _NPUBRIDGE_BOTH:
                answer = await method(self, *args, **kwargs)
                await _npubridge_follow(self, name, compat, args, kwargs)
                return answer
            if compat is None:
                return await method(self, *args, **kwargs)
            new_args, new_kwargs = _npubridge_arguments_for(compat, args, kwargs)
            if name in _NPUBRIDGE_ROUTED:
                twin = await self._npubridge_get_ready_twin(compat)
                answer = await getattr(twin, name)(*new_args, **new_kwargs)
                return _npubridge_book(self, name, _npubridge_convert(answer, globals()))
            try:
                twin = await self._npubridge_get_ready_twin(compat)
                answer = await getattr(twin, name)(*new_args, **new_kwargs)
                new = _NpuBridgeOutcome(_npubridge_convert(answer, globals()))
            except Exception as error:
                new = _NpuBridgeOutcome(error=error)
            try:
                old = _NpuBridgeOutcome(await method(self, *args, **kwargs))
            except Exception as error:
                old = _NpuBridgeOutcome(error=error)
            return _npubridge_settle(name, old, new)
        finally:
            _npubridge_inside.reset(token)

    return routed_async


async def _npubridge_follow(bridge, name, compat, args, kwargs):
    """What is done to the original's life is done to its twin's, if there is or is to be one."""
    if name == "initialize":
        bridge._npubridge_initialized = True
        if compat is not None:
            await bridge._npubridge_get_ready_twin(compat)
    elif bridge._npubridge_twin is not None:
        await getattr(bridge._npubridge_twin, name)(*args, **kwargs)


def _npubridge_book(bridge, name, answer):
    """The original keeps the books for both, so that its summaries stay complete."""
    if name == "execute_workflow":
        history = getattr(bridge, "workflow_history", None)
        if history is not None:
            history.append(answer)
        speed = (answer.performance_metrics or {}).get("ops_per_sec", 0.0)
        bridge.update_performance_metrics(answer.total_tasks, answer.execution_time_ms, speed)
    elif name == "submit_operation":
        bridge._npubridge_pending[answer] = True
        while len(bridge._npubridge_pending) > _NPUBRIDGE_MOST_PENDING:
            bridge._npubridge_pending.pop(next(iter(bridge._npubridge_pending)))
    return answer


def _npubridge_get_result(method):
    @_npubridge_functools.wraps(method)
    async def get_result(self, operation_id, *args, **kwargs):
        if operation_id in self._npubridge_pending:
            answer = await self._npubridge_twin.get_result(operation_id, *args, **kwargs)
            return _npubridge_convert(answer, globals())
        return await method(self, operation_id, *args, **kwargs)

    return get_result


def _npubridge_get_stats(method):
    @_npubridge_functools.wraps(method)
    def get_performance_stats(self, *args, **kwargs):
        stats = method(self, *args, **kwargs)
        if self._npubridge_twin is None:
            return stats
        twin = self._npubridge_twin.get_performance_stats(*args, **kwargs)
        for key in ("operations_completed", "operations_failed", "total_execution_time_ms"):
            stats[key] = stats.get(key, 0) + twin.get(key, 0)
        completed = stats["operations_completed"]
        stats["average_execution_time_ms"] = stats["total_execution_time_ms"] / completed if completed else 0.0
        return stats

    return get_performance_stats


# Last: as a script the original runs to its end in here.
_npubridge_run_archive(globals())
@@CLASS@@ = _npubridge_shadow(@@CLASS@@)
`
