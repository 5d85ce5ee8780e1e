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
        f"| {name:<32} | {mine * 1e3:9.3f} ms | {statistics.median(ratios):5.2f} x | {low:5.2f} to {high:5.2f} | {turns:3} |"
    )


class Table:
    """Rows of npubridge against a reference, in turns."""

    def __init__(self, bridge: npubridge.Bridge, turns: int) -> None:
        self.bridge, self.turns = bridge, turns
        print(
            "| work                             | npubridge    | faster  | 10 % to 90 %   | turns |"
        )
        print(
            "| -------------------------------- | -----------: | ------: | -------------: | ----: |"
        )

    def process(self, family, data, inputs=None, **parameters):
        return lambda: npubridge.process_signal(
            family, data, parameters, inputs=inputs, transfer=True, bridge=self.bridge
        )

    def row(self, name, family, data, reference, turns=None, inputs=None, **parameters):
        ours = self.process(family, data, inputs, **parameters)
        # Ours are given away, and read-only from then on, which PyWavelets does not take.
        own = data.copy()
        compare(name, ours, lambda: reference(own), turns or self.turns)


def transforms(table: Table, rng) -> None:
    table.row(
        "fft, 1,024 x 1,000 channels",
        "fft",
        rng.standard_normal((1000, 1024)),
        scipy.fft.fft,
        kind="fft",
    )
    prime, small = rng.standard_normal(1_000_003), rng.standard_normal(1024)
    table.row("fft, 1,000,003", "fft", prime, scipy.fft.fft, kind="fft")
    table.row(
        "fft, 1,024, one call",
        "fft",
        small,
        scipy.fft.fft,
        table.turns * 20,
        kind="fft",
    )
    million = rng.standard_normal(1_000_000)
    table.row(
        "wavedec db4, 1 M",
        "wavelet",
        million,
        lambda x: pywt.wavedec(x, "db4"),
        kind="wavedec",
        wavelet="db4",
    )


def filters(table: Table, rng) -> None:
    million, many = rng.standard_normal(1_000_000), rng.standard_normal((64, 100_000))
    sos = scipy.signal.butter(8, 0.1, output="sos")
    asked = {"kind": "sosfilt", "sos": sos.tolist()}

    def filtered(x):
        return scipy.signal.sosfilt(sos, x)

    table.row("sosfilt, 8th order, 1 M", "filter", million, filtered, **asked)
    table.row("welch, 1 M", "spectral", million, scipy.signal.welch, kind="welch")
    table.row("sosfilt, 64 x 100,000", "filter", many, filtered, **asked)
    table.row("welch, 64 x 100,000", "spectral", many, scipy.signal.welch, kind="welch")
    for name, family, parameters in [
        ("sosfilt", "filter", asked),
        ("welch", "spectral", {"kind": "welch"}),
    ]:
        single = [table.process(family, channel, **parameters) for channel in many]
        compare(
            f"{name}, 64 at once / in turn",
            table.process(family, many, **parameters),
            lambda single=single: [work() for work in single],
            table.turns,
        )


def models(table: Table, rng) -> None:
    """What is compared with Python code: fewer turns are enough to tell."""
    try:
        import filterpy.kalman
        import librosa
        import padasip
    except ImportError as error:
        print(
            f"\n{error.name} is not there: pip install filterpy padasip librosa measures three families more"
        )
        return
    n, steps, turns = 4, 2_000, 5
    f, h = np.eye(n) + 0.1 * np.eye(n, k=1), np.eye(2, n)
    q, r = 1e-3 * np.eye(n), 0.1 * np.eye(2)

    def kalman(z):
        model = filterpy.kalman.KalmanFilter(n, 2)
        model.F, model.H, model.Q, model.R = f, h, q, r
        for row in z:
            model.predict()
            model.update(row[:, None])

    matrices = {"F": f, "H": h, "Q": q, "R": r, "P": np.eye(n)}
    table.row(
        "kalman, 4 states, 2,000 steps",
        "kalman",
        rng.standard_normal((steps, 2)),
        kalman,
        turns,
        kind="kalman",
        x=[0.0] * n,
        **{name: matrix.tolist() for name, matrix in matrices.items()},
    )
    x, d = rng.standard_normal(20_000), rng.standard_normal(20_000)
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(x, (15, 0)), 16)[:, ::-1]
    table.row(
        "rls, 16 weights, 20,000 samples",
        "adaptive",
        x,
        lambda _: padasip.filters.FilterRLS(16, mu=0.98, w="zeros").run(d, rows),
        turns,
        inputs={"d": d},
        kind="rls",
        n=16,
        mu=0.98,
        weights=False,
    )
    table.row(
        "mfcc, 1 M at 16 kHz",
        "spectral",
        rng.standard_normal(1_000_000),
        lambda y: librosa.feature.mfcc(y=y, sr=16_000, n_mfcc=13),
        turns,
        kind="mfcc",
        sr=16_000,
        n_mfcc=13,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    rng = np.random.default_rng(1)
    bridge = npubridge.Bridge(device="cpu")
    table = Table(bridge, turns)
    for family in (transforms, filters, models):
        family(table, rng)
    bridge.close()
    load = os.getloadavg()[0]
    print(f"\n{os.cpu_count()} processors, load of the last minute {load:.1f}\n")
    speech(5)


if __name__ == "__main__":
    main()
