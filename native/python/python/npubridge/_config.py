"""The configuration of ``Bridge``: an object or a file, overruled by variables, overruled by arguments.

Names and limits are those of the configuration schema of npubridge, which lies beside this file and is made from the
one that the command line uses. The keys of the second generation's configuration are taken, too.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ConfigInvalidError

BUILT_IN_PROFILES = ("latency", "throughput", "efficiency")
PRIORITIES = ("low", "normal", "high", "critical", "realtime")
_PREFIX = "NPUBRIDGE_"

Schema = Mapping[str, Any]
Problem = tuple[str, str, "str | None"]

OF_V2: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "hardware_acceleration": lambda value: {} if value else {"device": "cpu"},
    "intel_npu_enabled": lambda value: {} if value else {"device": "cpu"},
    "target_throughput": lambda value: {"target_ops_per_sec": value},
    "max_latency_ms": lambda value: {"max_latency_us": round(value * 1000)},
    "memory_pool_size": lambda value: {"resources": {"memory_mb": value}},
}
"""What the keys of the second generation stand for; ``worker_threads`` has kept its name."""


@cache
def schema() -> Schema:
    """The configuration schema, as JSON Schema."""
    return json.loads(Path(__file__).with_name("_config_schema.json").read_text(encoding="utf-8"))


def resolve(
    config: Mapping[str, Any] | str | os.PathLike[str] | None,
    arguments: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """The configuration that holds. ``arguments`` are settings by their names; ``None`` is not given.

    Raises ``ConfigInvalidError`` with every problem.
    """
    values: dict[str, Any] = {}
    if isinstance(config, str | os.PathLike):
        _merge(values, _read(Path(config)))
    for path, text in _variables(environ):
        _set(values, path, text)
    if isinstance(config, Mapping):
        _merge(values, from_v2(config))
    elif config is not None and not isinstance(config, str | os.PathLike):
        raise ConfigInvalidError(f"config is {config!r}, it must be a dict or the name of a file")
    _merge(values, {name: value for name, value in arguments.items() if value is not None})
    problems = [*_problems(values, schema(), ""), *_slips(environ)] or list(_contradictions(values))
    if problems:
        nearest = [f'did you mean "{near}"?' for _path, _message, near in problems if near]
        raise ConfigInvalidError("\n  ".join(message for _path, message, _near in problems), suggestions=nearest)
    return values


def from_v2(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in today's names, of one that may have some of the second generation's."""
    values: dict[str, Any] = {}
    for name, value in config.items():
        if name not in OF_V2:
            _merge(values, {name: value})
            continue
        if value is None:
            continue
        try:
            _merge(values, OF_V2[name](value))
        except TypeError:
            raise ConfigInvalidError(f"{name} is {value!r}, it must be a number") from None
    return values


def lenient(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of the second generation without the keys that it never had, which are kept and mean nothing."""
    known = {*OF_V2, *schema()["properties"]}
    settings = {name: value for name, value in config.items() if name in known and value is not None}
    # The old module took texts here.
    settings.update({name: int(settings[name]) for name in ("worker_threads", "memory_pool_size") if name in settings})
    return settings


def engine_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is told of a configuration."""
    names = ("worker_threads", "aging_ms", "aging_every", "retries", "hang_after_ms", "stream_idle_ms", "metrics")
    sections = ("agents", "breaker", "matlab_config", "power")
    settings = {name: config[name] for name in (*names, *sections) if name in config}
    profiles = config.get("profiles", {})
    name = config.get("profile", "latency")
    settings.update(_tuned(name, profiles, config.get("batching", {})))
    if queue := {key: value for key, value in config.get("queue", {}).items() if key != "policy"}:
        if isinstance(queue.get("per_priority"), Mapping):
            queue["per_priority"] = [queue["per_priority"].get(priority) for priority in PRIORITIES]
        settings["queue"] = queue
    npu = dict(config.get("npu", {}))
    resources = dict(config.get("resources", {}))
    if "memory_limit_mb" in npu:
        resources.setdefault("npu_memory_mb", npu["memory_limit_mb"])
    if resources:
        settings["resources"] = resources
    renamed = {"max_batch_size": "max_batch_size", "precision": "precision", "enable_caching": "caching"}
    if own := {renamed[key]: value for key, value in npu.items() if key in renamed}:
        settings["npu"] = own
    if "models" in config:
        settings["models"] = {model: _model(each, config) for model, each in config["models"].items()}
    return settings


def device_of(config: Mapping[str, Any]) -> str:
    """The device that is asked for: by name, or by the profile that was made for one."""
    profile = config.get("profiles", {}).get(config.get("profile"), {})
    return config.get("device") or profile.get("device") or "auto"


def _model(settings: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    model = {"shapes": settings["shapes"]} if "shapes" in settings else {}
    if "profile" not in settings:
        return model
    return {**model, **_tuned(settings["profile"], config.get("profiles", {}), config.get("batching", {}))}


def _tuned(name: str, profiles: Mapping[str, Any], batching: Mapping[str, Any]) -> dict[str, Any]:
    own = profiles.get(name)
    both = {**batching, **(own or {}).get("batching", {})}
    settings: dict[str, Any] = {"batching": both} if both else {}
    if own is None:
        return {**settings, "profile": name}
    names = ("hint", "requests", "streams", "turbo", "workload", "tiles", "precision")
    tuning = {key: own[key] for key in names if key in own}
    return {**settings, "profile": own.get("extends", "latency"), "tuning": tuning}


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalidError(f"{file} cannot be read: {error.strerror}") from error
    if file.suffix.lower() in (".yaml", ".yml"):
        content = _yaml(text, file)
    else:
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ConfigInvalidError(f"{file} is not JSON: {error}") from error
    if file.name == "package.json" and isinstance(content, dict):
        content = content.get("npubridge")
    if not isinstance(content, dict):
        raise ConfigInvalidError(f"{file} holds {_show(content)}, a configuration is an object")
    return {name: value for name, value in content.items() if not name.startswith("$")}


def _yaml(text: str, file: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise ConfigInvalidError(
            f"{file} is YAML, and this Python has no package to read it",
            suggestions=("python -m pip install pyyaml", "npubridge config show --json > npubridge.config.json"),
        ) from None
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigInvalidError(f"{file} is not YAML: {error}") from error


def _settings(of: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    for name, each in of.get("properties", {}).items():
        if "properties" in each:
            yield from _settings(each, (*path, name))
        else:
            yield (*path, name), each


@cache
def _by_variable() -> Mapping[str, tuple[tuple[str, ...], Schema]]:
    return {_PREFIX + "_".join(path).upper(): (path, each) for path, each in _settings(schema())}


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, (path, each) in _by_variable().items():
        if text := environ.get(name):
            yield path, _value(text, each)


def _slips(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Variables that are a letter or two away from a setting: others may be anybody's."""
    known = _by_variable()
    for name in environ:
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name[len(_PREFIX) :], [each[len(_PREFIX) :] for each in known], 1, 0.9)
            if close:
                yield name, f"{name} is {environ[name]!r}, but sets nothing", _PREFIX + close[0]


def _value(text: str, of: Schema) -> Any:
    types = {each.get("type") for each in (of, *of.get("anyOf", ()))}
    try:
        if types & {"number", "integer"}:
            return float(text) if re.search(r"[.eE]", text) else int(text)
        if text[:1] in "{[":
            return json.loads(text)
    except ValueError:
        return text
    if "boolean" in types:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if "array" in types:
        return [int(part) if part.strip().isdigit() else part for part in text.split(",")]
    return text


def _merge(values: dict[str, Any], others: Mapping[str, Any]) -> None:
    for name, value in others.items():
        if isinstance(value, Mapping) and value and isinstance(values.get(name, {}), dict):
            _merge(values.setdefault(name, {}), value)
        else:
            values[name] = os.fspath(value) if isinstance(value, os.PathLike) else value


def _set(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            return
    values[path[-1]] = value


def _problems(value: Any, of: Schema, path: str) -> Iterator[Problem]:
    if "anyOf" in of:
        found = [list(_problems(value, each, path)) for each in of["anyOf"]]
        if all(found):
            inner = [problems for problems in found if all(name != path for name, _message, _near in problems)]
            yield from inner[0] if inner else [(path, f"{path} is {_show(value)}, it must be {_allowed(of)}", None)]
        return
    if "enum" in of:
        if value not in of["enum"]:
            near = difflib.get_close_matches(str(value), of["enum"], 1)
            yield path, f"{path} is {_show(value)}, it must be {_allowed(of)}", near[0] if near else None
        return
    if not _fits(value, of):
        yield path, f"{path or 'the configuration'} is {_show(value)}, it must be {_allowed(of)}", None
        return
    if isinstance(value, Mapping):
        yield from _problems_of_object(value, of, path)
    elif isinstance(value, list | tuple) and "items" in of:
        for index, each in enumerate(value):
            yield from _problems(each, of["items"], f"{path}[{index}]")


def _problems_of_object(value: Mapping[str, Any], of: Schema, path: str) -> Iterator[Problem]:
    known, others = of.get("properties", {}), of.get("additionalProperties", {})
    for name, inner in value.items():
        place = f"{path}.{name}" if path else str(name)
        if name in known:
            yield from _problems(inner, known[name], place)
        elif others is False:
            near = difflib.get_close_matches(str(name), known, 1)
            yield (
                place,
                f"{place} is unknown: {path or 'the configuration'} has {', '.join(known)}",
                (near[0] if near else None),
            )
        elif not re.match(of.get("propertyNames", {}).get("pattern", ""), str(name), re.IGNORECASE):
            yield place, f"{place} is not a name: it has letters, digits, dots and hyphens, a letter first", None
        elif others:
            yield from _problems(inner, others, place)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list, tuple),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (Mapping,),
    "string": (str,),
}


def _fits(value: Any, of: Schema) -> bool:
    kind = of.get("type")
    if kind is None:
        return True
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return False
        if kind == "integer" and value != int(value):
            return False
        least, most = of.get("minimum", float("-inf")), of.get("maximum", float("inf"))
        return least <= value <= most and value > of.get("exclusiveMinimum", float("-inf"))
    if not isinstance(value, _TYPES[kind]):
        return False
    return kind != "string" or len(value) >= of.get("minLength", 0)


def _allowed(of: Schema) -> str:
    if "enum" in of:
        return f"one of {', '.join(of['enum'])}"
    if "anyOf" in of:
        return " or ".join(_allowed(each) for each in of["anyOf"])
    kind = of.get("type")
    if kind in ("integer", "number"):
        what = "a whole number" if kind == "integer" else "a number"
        start = f"above {of['exclusiveMinimum']}" if "exclusiveMinimum" in of else f"from {of.get('minimum', 0)}"
        most = of.get("maximum")
        return f"{what} {start}" if most is None or most >= 2**53 - 1 else f"{what} {start} to {most}"
    words = {"array": "a list", "boolean": "True or False", "null": "None", "object": "a dict", "string": "a text"}
    return words.get(str(kind), "something else")


def _contradictions(config: Mapping[str, Any]) -> Iterator[Problem]:
    profiles, models = config.get("profiles", {}), config.get("models", {})
    known = [*BUILT_IN_PROFILES, *profiles]
    wanted = {"profile": config.get("profile")}
    wanted.update({f"models.{name}.profile": each.get("profile") for name, each in models.items()})
    for place, name in wanted.items():
        if name is not None and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            yield place, f"{place} is {name!r}, it must be one of {', '.join(known)}", near[0] if near else None
    for name in BUILT_IN_PROFILES:
        if name in profiles:
            yield f"profiles.{name}", f"profiles.{name} is there, but that name is built in", None
    made_for = profiles.get(config.get("profile"), {}).get("device")
    device = config.get("device", "auto")
    if made_for is not None and device not in ("auto", made_for):
        yield "device", f"device is {device!r}, but the profile {config['profile']} was made for {made_for}", None
    delay, longest = config.get("batching", {}).get("delay_us"), config.get("max_latency_us")
    if delay is not None and longest is not None and delay >= longest:
        yield "batching.delay_us", f"batching.delay_us is {delay}, but max_latency_us is {longest}", None
    mine, other = config.get("npu", {}).get("memory_limit_mb"), config.get("resources", {}).get("npu_memory_mb")
    if mine is not None and other is not None and mine != other:
        yield "npu.memory_limit_mb", f"npu.memory_limit_mb is {mine}, but resources.npu_memory_mb is {other}", None


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a dict"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
