"""Which runtime and devices an engine is started with.

``auto`` trusts only what a child process has tried, because asking a broken NPU for its devices can crash the process
that asks. What the child found is kept in the cache folder until the runtime, the driver or the kernel changes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _binding, _paths
from .errors import DeviceUnavailableError, RuntimeNotFoundError

PREFERENCE = ("NPU", "GPU", "CPU")
PROBE_TIMEOUT_S = 60
DRIVER_FILES = ("/usr/lib/x86_64-linux-gnu/libze_intel_npu.so.1", "/usr/lib64/libze_intel_npu.so.1")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Probed:
    """What a child process learned of a runtime: the devices that work, and why others do not."""

    working: tuple[str, ...]
    problems: dict[str, str]


@dataclass(frozen=True)
class Selection:
    """What an engine is started with."""

    runtime: str | None
    devices: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...]


def select(device: str, runtime: str | None) -> Selection:
    """The devices for ``auto``, ``npu``, ``gpu`` or ``cpu``; a device that is forced and does not work is an error."""
    folder = find_runtime(runtime)
    if device == "cpu":
        return Selection(folder, ("CPU",), ())
    wanted = PREFERENCE if device == "auto" else (device.upper(),)
    if folder is None:
        why = "no OpenVINO runtime was found"
        if device != "auto":
            raise RuntimeNotFoundError(f"device is {device}, but {why}", suggestions=("npubridge setup",))
        # The engine says so again when an operation needs a device; the others need none.
        return Selection(None, ("CPU",), tuple((name, why) for name in ("NPU", "GPU")))
    probed = probe(folder, wanted)
    found = [name for kind in wanted for name in probed.working if name.split(".")[0] == kind]
    missing = tuple((kind, probed.problems[kind]) for kind in wanted if kind in probed.problems)
    if device != "auto" and not found:
        raise DeviceUnavailableError(
            f"device is {device}, but {probed.problems.get(device.upper(), 'it does not work')}",
            suggestions=("npubridge probe", 'device="auto" runs on what works'),
        )
    # Without a device that works, errors of the CPU are what there is to tell.
    return Selection(folder, tuple(found) or ("CPU",), missing)


def find_runtime(explicit: str | None) -> str | None:
    """The folder of the runtime that is asked for, else of the best that is there."""
    named = explicit or os.environ.get("NPUBRIDGE_RUNTIME")
    return named or _best_runtime(os.environ.get("NPUBRIDGE_HOME"), os.environ.get("PATH"))


@functools.lru_cache(maxsize=16)
def _best_runtime(_home: str | None, _path: str | None) -> str | None:
    own = _own_package()
    for folder, source, _version, problem in _binding.need().runtime_candidates():
        if source not in ("explicit", "environment", "managed") and own is not None:
            break
        if problem is None:
            return str(folder)
    return own


def _own_package() -> str | None:
    """The libraries of the ``openvino`` package of this very interpreter, which is found but not imported."""
    spec = importlib.util.find_spec("openvino")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "libs"
        if any(folder.glob("libopenvino_c.so.*")):
            return str(folder)
    return None


def probe(folder: str, wanted: Iterable[str]) -> Probed:
    """What works among ``wanted``, from the cache or a child process."""
    wanted = tuple(wanted)
    file = _cache_file(folder, wanted)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return Probed(tuple(known["working"]), known["problems"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # Not there, or not understood: it is made again.
    probed, certain = _ask(folder, wanted)
    if certain:
        _keep(file, {"working": probed.working, "problems": probed.problems})
    return probed


def _ask(folder: str, wanted: tuple[str, ...]) -> tuple[Probed, bool]:
    """Probes in child processes: one that dies on a device is followed by one that leaves it out."""
    working: list[str] = []
    problems: dict[str, str] = {}
    left = wanted
    certain = True
    while left:
        lines, died = _child(folder, left)
        testing = None
        listed: list[str] | None = None
        for line in lines:
            if "failed" in line:
                return Probed((), dict.fromkeys(wanted, line["failed"])), False
            if "listed" in line:
                listed = line["listed"]
                kinds = {name.split(".")[0] for name in listed}
                nothing = f"OpenVINO {line['version']} lists no such device (it lists {', '.join(listed) or 'none'})"
                problems.update({kind: nothing for kind in left if kind not in kinds})
            testing = line.get("testing", None if "device" in line else testing)
            if "problem" in line:
                problems[line["device"].split(".")[0]] = line["problem"]
            elif "device" in line:
                working.append(line["device"])
        if died is None:
            break
        certain = False
        if testing is None:
            what = "while it asked for devices" if listed is None else "after its last test"
            problems.update({kind: f"the probe {died} {what}" for kind in left if kind not in problems})
            break
        kind = testing.split(".")[0]
        problems[kind] = f"the probe {died} while it tried {testing}"
        working = [name for name in working if name.split(".")[0] not in left]
        left = tuple(each for each in left if each != kind)
    return Probed(tuple(working), problems), certain


def _child(folder: str, devices: tuple[str, ...]) -> tuple[list[dict[str, Any]], str | None]:
    """The lines of one child process, and how it died if it did."""
    package = str(Path(__file__).parent.parent)
    script = (
        f"import sys; sys.path.insert(0, {package!r}); from npubridge import _probe_child as c; c.main(*sys.argv[1:])"
    )
    if not sys.executable:
        return [], "could not start, because this interpreter does not know its own program"
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, folder, *devices],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
        return _lines(output.decode() if isinstance(output, bytes) else output), f"hung for {PROBE_TIMEOUT_S} s"
    except OSError as error:
        return [], f"could not start: {error}"
    return _lines(done.stdout), _death(done)


def _death(done: subprocess.CompletedProcess[str]) -> str | None:
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"died of {signal.Signals(-done.returncode).name}"
    last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
    return f"failed ({last})"


def _lines(output: str) -> list[dict[str, Any]]:
    """What the child said; a line that broke off with it, or that a library printed, is no JSON."""
    said = []
    for line in output.splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict):
            said.append(fields)
    return said


def _cache_file(folder: str, wanted: tuple[str, ...]) -> Path:
    stamps = [folder, ",".join(wanted), _binding.need().__version__]
    files = (*sorted(Path(folder).glob("libopenvino_c.so*")), *map(Path, DRIVER_FILES))
    stamps += [f"{file}:{file.stat().st_mtime_ns}" for file in files if file.exists()]
    if BOOT_ID.exists():
        stamps.append(BOOT_ID.read_text())
    key = hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:16]
    return _paths.cache_folder() / f"probe-python-{key}.json"


def _keep(file: Path, known: dict[str, Any]) -> None:
    """Writes the file as a whole or not at all; a folder that cannot be written to only costs the next probe."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(known, stream)
        Path(name).replace(file)
    except OSError:
        return
