"""Signals through Python, held against scipy and PyWavelets as they are installed: the sample that is recomputed."""

from __future__ import annotations

from typing import Any

import npubridge
import numpy as np
import pytest
import pywt
import scipy.fft
import scipy.signal
from npubridge import signal

BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}


def near(got: Any, wanted: Any, bound: float) -> None:
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= bound * max(np.abs(wanted).max(), 1e-300)


@pytest.fixture(params=[np.float64, np.float32])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def samples(kind: Any) -> Any:
    return np.random.default_rng(7).standard_normal((2, 700)).astype(kind)


def test_transforms_are_those_of_scipy(samples: Any, kind: Any) -> None:
    near(signal.fft(samples), scipy.fft.fft(samples), BOUNDS[kind])
    near(signal.rfft(samples, 333), scipy.fft.rfft(samples, 333), BOUNDS[kind])
    near(signal.irfft(signal.rfft(samples)), samples, BOUNDS[kind])
    near(signal.ifft(signal.fft(samples)), samples, BOUNDS[kind])


def test_filters_are_those_of_scipy(samples: Any, kind: Any) -> None:
    sos = scipy.signal.ellip(6, 1, 60, 0.3, output="sos")
    b, a = scipy.signal.butter(3, 0.2)
    taps = np.hanning(150)
    # These filters magnify rounding by less than ten.
    bound = 10 * BOUNDS[kind]
    near(signal.sosfilt(sos, samples), scipy.signal.sosfilt(sos, samples), bound)
    near(signal.sosfiltfilt(sos, samples), scipy.signal.sosfiltfilt(sos, samples.astype(float)), bound)
    near(signal.filtfilt(b, a, samples), scipy.signal.filtfilt(b, a, samples.astype(float)), bound)
    near(signal.resample_poly(samples, 3, 7), scipy.signal.resample_poly(samples, 3, 7, axis=-1), bound)
    near(signal.convolve(samples[0], taps, "same"), scipy.signal.convolve(samples[0], taps, "same"), bound)
    near(signal.savgol_filter(samples, 21, 4), scipy.signal.savgol_filter(samples.astype(float), 21, 4), bound)


def test_spectra_are_those_of_scipy(samples: Any, kind: Any) -> None:
    for got, wanted in zip(
        signal.welch(samples, 50.0, nperseg=128), scipy.signal.welch(samples, 50.0, nperseg=128), strict=True
    ):
        near(got, wanted, BOUNDS[kind])
    _, _, spectra = signal.stft(samples, nperseg=100)
    near(spectra, scipy.signal.stft(samples, nperseg=100)[2], BOUNDS[kind])
    _, restored = signal.istft(spectra, nperseg=100)
    near(restored[..., :700], samples, BOUNDS[kind])


def test_wavelets_are_those_of_pywavelets(samples: Any, kind: Any) -> None:
    parts = signal.wavedec(samples, "db4")
    for got, wanted in zip(parts, pywt.wavedec(samples, "db4"), strict=True):
        near(got, wanted, BOUNDS[kind])
    near(signal.waverec(parts, "db4", n=700), samples, BOUNDS[kind])


def test_the_type_of_the_data_is_that_of_the_outputs(samples: Any, kind: Any) -> None:
    assert signal.medfilt(samples, 5).dtype == kind


def test_steps_run_one_after_the_other(samples: Any, kind: Any) -> None:
    steps = [
        {"operation": "filter", "parameters": {"kind": "butter", "N": 4, "Wn": 0.2}},
        {"operation": "spectral", "parameters": {"kind": "welch", "nperseg": 64}},
    ]
    filtered = scipy.signal.sosfilt(scipy.signal.butter(4, 0.2, output="sos"), samples.astype(float))
    wanted = scipy.signal.welch(filtered, nperseg=64)[1]
    near(npubridge.process_signal(None, samples, steps=steps)["psd"], wanted, 10 * BOUNDS[kind])


def test_blocks_of_a_stream_are_like_the_whole() -> None:
    samples = np.random.default_rng(8).standard_normal(300)
    asked = {"kind": "resample_poly", "up": 2, "down": 3}
    blocks = [
        npubridge.process_signal("filter", block, asked, stream="s", end_of_stream=last)["samples"]
        for block, last in zip(np.split(samples, [100, 130]), [False, False, True], strict=True)
    ]
    got = np.concatenate(blocks)
    whole = scipy.signal.resample_poly(samples, 2, 3)
    near(got, whole[: len(got)], 1e-12)
    assert len(got) > 180


def test_samples_that_are_given_away_are_read_in_place() -> None:
    samples = np.random.default_rng(1).standard_normal((2, 100_000))
    copied = npubridge.process_signal("spectral", samples, {"kind": "welch"})["psd"]
    assert samples.flags.writeable
    lent = npubridge.process_signal("spectral", samples, {"kind": "welch"}, transfer=True)["psd"]
    assert not samples.flags.writeable
    assert np.array_equal(lent, copied)


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("spectral", {"kind": "welsh"}, "welsh"),
        ("spectral", {"kind": "welch", "nperseg": 0}, "nperseg is 0"),
        ("spectral", {"kind": "welch", "segment": 5}, "segment"),
        ("filter", {"kind": "butter", "N": 4, "Wn": 600, "fs": 1000}, "below 500, the Nyquist frequency"),
        ("filter", {"kind": "lfilter", "b": [1], "a": [1, -2]}, r"unstable: poles outside .* 2\.0"),
    ],
)
def test_what_is_wrong_is_named(family: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(npubridge.InvalidArgumentError, match=message):
        npubridge.process_signal(family, np.ones(20), parameters)


def test_the_backend_and_its_reason_are_in_the_result() -> None:
    bridge = npubridge.Bridge(device="cpu")
    try:
        result = bridge.call("signal", operation="fft", parameters={"kind": "rfft"}, data=np.ones(4))
    finally:
        bridge.close()
    assert result.report == {"backend": "native", "reason": "no device was asked for"}
    assert result.device is None


def test_octave_and_the_device_agree_with_the_engine() -> None:
    x = np.sin(np.arange(512) * 0.3).astype(np.float32)
    parameters = {"kind": "welch", "nperseg": 64}
    bridge = npubridge.Bridge(device="cpu")
    try:
        native = npubridge.process_signal("spectral", x, parameters, bridge=bridge)["psd"]
        for where in ({"backend": "octave"}, {"device": "cpu"}):
            near(npubridge.process_signal("spectral", x, parameters, bridge=bridge, **where)["psd"], native, 1e-5)
    finally:
        bridge.close()
