"""npubridge against scipy and PyWavelets, in turns within one process.

    npm run bench:signal                    # needs scipy and PyWavelets in .venv

Each side runs on one thread for one channel; what is told is the median of the ratios of neighbouring turns, so that a
machine that slows down slows both. 64 channels let npubridge use every core, scipy has no threads for them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pywt
import scipy.fft
import scipy.signal

import npubridge


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


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
    bridge.close()


if __name__ == "__main__":
    main()
