"""The configuration of ``Bridge``: the names of npubridge's schema, and those of the second generation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import npubridge
import pytest
from npubridge import _config, compat

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime that other tests are given is a setting, too."""
    monkeypatch.delenv("NPUBRIDGE_RUNTIME", raising=False)


def test_the_schema_is_the_one_that_is_published() -> None:
    published = json.loads((ROOT / "docs/schemas/config.schema.json").read_text(encoding="utf-8"))
    assert _config.schema() == published


def test_a_dict_overrules_variables_and_arguments_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"$schema": "x", "retries": 1, "aging_ms": 1, "queue": {"capacity": 1}}')
    monkeypatch.setenv("NPUBRIDGE_RETRIES", "2")
    monkeypatch.setenv("NPUBRIDGE_QUEUE_POLICY", "wait")
    config = npubridge.Bridge(config=file).config
    assert config == {"retries": 2, "aging_ms": 1, "queue": {"capacity": 1, "policy": "wait"}}
    config = npubridge.Bridge(config={"retries": 3, "worker_threads": 2}, worker_threads=4).config
    assert (config["retries"], config["worker_threads"]) == (3, 4)


@pytest.mark.parametrize(
    ("config", "message", "nearest"),
    [
        ({"worker_treads": 1}, "worker_treads is unknown: the configuration has device", "worker_threads"),
        ({"worker_threads": 0}, "worker_threads is 0, it must be a whole number from 1 to 256", None),
        ({"worker_threads": True}, "worker_threads is True", None),
        ({"queue": {"policy": "drop"}}, "queue.policy is 'drop', it must be one of reject, wait", None),
        ({"queue": {"capasity": 1}}, "queue.capasity is unknown: queue has capacity", "capacity"),
        ({"queue": {"per_priority": {"low": 0}}}, "queue.per_priority.low is 0", None),
        ({"batching": {"preferred": [1, "x"]}}, r"batching.preferred\[1\] is 'x'", None),
        ({"matlab_config": {"max_workers": 0}}, "matlab_config.max_workers is 0", None),
        ({"power": {"budget_watts": 0}}, "it must be a number above 0", None),
        ({"profile": "througput"}, "profile is 'througput'", "throughput"),
        ({"profiles": {"latency": {}}}, "that name is built in", None),
        ({"profiles": {"a b": {}}}, "is not a name", None),
        ({"device": "cpu", "profile": "p", "profiles": {"p": {"device": "npu"}}}, "made for npu", None),
        ({"max_latency_us": 5, "batching": {"delay_us": 9}}, "but max_latency_us is 5", None),
        (5, "it must be a dict or the name of a file", None),
    ],
)
def test_what_is_wrong_is_named(config: Any, message: str, nearest: str | None) -> None:
    with pytest.raises(npubridge.ConfigInvalidError, match=message) as caught:
        npubridge.Bridge(config=config)
    assert (nearest is None) or caught.value.suggestions[0] == f'did you mean "{nearest}"?'


def test_a_variable_that_is_almost_a_setting_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPUBRIDGE_WORKER_TREADS", "2")
    with pytest.raises(npubridge.ConfigInvalidError, match="NPUBRIDGE_WORKER_TREADS is '2', but sets nothing"):
        npubridge.Bridge()


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    for name, text, message in [("a.json", "{", "is not JSON"), ("b.json", "[]", "a configuration is an object")]:
        (tmp_path / name).write_text(text)
        with pytest.raises(npubridge.ConfigInvalidError, match=message):
            npubridge.Bridge(config=tmp_path / name)
    with pytest.raises(npubridge.ConfigInvalidError, match="cannot be read"):
        npubridge.Bridge(config=tmp_path / "none.json")


def test_a_profile_is_what_it_extends_and_what_it_changes() -> None:
    config = {
        "profile": "mine",
        "batching": {"max": 16, "delay_us": 5},
        "profiles": {"mine": {"extends": "throughput", "requests": 4, "batching": {"max": 8}, "device": "npu"}},
        "models": {"magika": {"profile": "latency", "shapes": {"x": [1]}}},
        "npu": {"memory_limit_mb": 7, "enable_caching": False},
        "queue": {"per_priority": {"low": 3}, "policy": "wait"},
    }
    assert _config.engine_settings(config) == {
        "profile": "throughput",
        "tuning": {"requests": 4},
        "batching": {"max": 8, "delay_us": 5},
        "models": {"magika": {"profile": "latency", "batching": {"max": 16, "delay_us": 5}, "shapes": {"x": [1]}}},
        "npu": {"caching": False},
        "resources": {"npu_memory_mb": 7},
        "queue": {"per_priority": [3, None, None, None, None]},
    }
    assert npubridge.Bridge(config=config).device == "npu"


def test_keys_of_the_second_generation_are_mapped() -> None:
    old = {
        "intel_npu_enabled": True,
        "hardware_acceleration": False,
        "target_throughput": 50_000,
        "max_latency_ms": 0.5,
        "memory_pool_size": 64,
        "worker_threads": 2,
    }
    assert npubridge.Bridge(config=old).config == {
        "device": "cpu",
        "target_ops_per_sec": 50_000,
        "max_latency_us": 500,
        "resources": {"memory_mb": 64},
        "worker_threads": 2,
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_old_class_takes_old_and_new_keys_and_keeps_the_rest() -> None:
    given = {"worker_threads": "2", "something_else": 1, "queue": {"capacity": 9}, "device": "cpu"}
    old = compat.NPUCoordinationBridge(given)
    assert old.config == given
    assert old._engine().config == {"worker_threads": 2, "queue": {"capacity": 9}, "device": "cpu"}
