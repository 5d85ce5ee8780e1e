"""npubridge against scipy and PyWavelets, in turns within one process.

    npm run bench:signal                    # needs scipy, PyWavelets and silero-vad in .venv, and `npm run build`

Each side runs on one thread for one channel; what is told is the median of the ratios of neighbouring turns, so that a
machine that slows down slows both. 64 channels at once are compared with scipy, which has no threads for them, and with
the same channels one after the other. At the end the command line finds the speech in ten minutes of a synthetic voice.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import npubridge
import numpy as np
import pywt
import scipy.fft
import scipy.signal

ROOT = Path(__file__).resolve().parents[3]
#: Seconds of the recording, which is made of a shorter one.
VOICE, REPEAT = 20, 30


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def speech(turns: int) -> None:
    """Ten minutes at 48 kHz: resampled, cut into frames and judged by silero-vad as one stream, in one `run`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = [sys.executable, str(ROOT / "test/e2e/speech.py"), "--out", name]
        subprocess.run(
            [*make, "--seconds", str(VOICE), "--repeat", str(REPEAT)], check=True
        )
        expected = json.loads((folder / "speech.json").read_text())["segments"]
        command = [
            "node",
            str(ROOT / "bin/run.js"),
            "run",
            str(folder / "speech.jsonl"),
        ]
        walls, inside, off = [], [], 0.0
        for _ in range(turns):
            start = time.perf_counter()
            done = subprocess.run(
                [*command, "--device", "cpu"],
                check=True,
                capture_output=True,
                text=True,
            )
            walls.append(VOICE * REPEAT / (time.perf_counter() - start))
            result = json.loads(done.stdout)
            inside.append(VOICE * REPEAT / (result["total_us"] / 1e6))
            found = result["data"]["segments"]
            if len(found) != len(expected):
                sys.exit(f"{len(found)} segments where silero finds {len(expected)}")
            pairs = zip(found, expected, strict=True)
            off = max(abs(a[k] - b[k]) for a, b in pairs for k in ("start", "end"))
    print(
        f"speech in {VOICE * REPEAT} s: {statistics.median(walls):.0f} x real time with the start of the command "
        f"({min(walls):.0f} to {max(walls):.0f}, {turns} runs), {statistics.median(inside):.0f} x without; "
        f"{len(expected)} segments, at most {off * 1000:.1f} ms from silero's"
    )


def compare(name: str, ours, theirs, turns: int) -> None:
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(turns)]
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    mine = statistics.median(ours for ours, _ in pairs)
    print(
        f"| {name:<28} | {mine * 1e3:9.3f} ms | {statistics.median(ratios):5.2f} x | {low:5.2f} to {high:5.2f} | {turns:3} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    rng = np.random.default_rng(1)
    bridge = npubridge.Bridge(device="cpu")

    def process(family, data, **parameters):
        return lambda: npubridge.process_signal(family, data, parameters, bridge=bridge)

    small, million = rng.standard_normal(1024), rng.standard_normal(1_000_000)
    prime, many = rng.standard_normal(1_000_003), rng.standard_normal((64, 100_000))
    sos = scipy.signal.butter(8, 0.1, output="sos")
    rows = sos.tolist()
    cases = [
        (
            "fft, 1,024 x 1,000 channels",
            "fft",
            rng.standard_normal((1000, 1024)),
            {"kind": "fft"},
            scipy.fft.fft,
        ),
        ("fft, 1,000,003", "fft", prime, {"kind": "fft"}, scipy.fft.fft),
        (
            "sosfilt, 8th order, 1 M",
            "filter",
            million,
            {"kind": "sosfilt", "sos": rows},
            lambda x: scipy.signal.sosfilt(sos, x),
        ),
        ("welch, 1 M", "spectral", million, {"kind": "welch"}, scipy.signal.welch),
        (
            "wavedec db4, 1 M",
            "wavelet",
            million,
            {"kind": "wavedec", "wavelet": "db4"},
            lambda x: pywt.wavedec(x, "db4"),
        ),
        (
            "sosfilt, 64 x 100,000",
            "filter",
            many,
            {"kind": "sosfilt", "sos": rows},
            lambda x: scipy.signal.sosfilt(sos, x),
        ),
        (
            "welch, 64 x 100,000",
            "spectral",
            many,
            {"kind": "welch"},
            scipy.signal.welch,
        ),
    ]
    print(
        "| work                         | npubridge    | faster  | 10 % to 90 %   | turns |"
    )
    print(
        "| ---------------------------- | -----------: | ------: | -------------: | ----: |"
    )
    for name, family, data, parameters, reference in cases:
        compare(
            name,
            process(family, data, **parameters),
            lambda data=data, reference=reference: reference(data),
            turns,
        )
    compare(
        "fft, 1,024, one call",
        process("fft", small, kind="fft"),
        lambda: scipy.fft.fft(small),
        turns * 20,
    )
    for name, family, parameters in [
        ("sosfilt", "filter", {"kind": "sosfilt", "sos": rows}),
        ("welch", "spectral", {"kind": "welch"}),
    ]:
        single = [process(family, channel, **parameters) for channel in many]
        compare(
            f"{name}, 64 at once / in turn",
            process(family, many, **parameters),
            lambda single=single: [work() for work in single],
            turns,
        )
    bridge.close()
    load = os.getloadavg()[0]
    print(f"\n{os.cpu_count()} processors, load of the last minute {load:.1f}\n")
    speech(5)


if __name__ == "__main__":
    main()
