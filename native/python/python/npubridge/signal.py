"""Signal processing by the names and conventions of scipy.signal, scipy.fft and PyWavelets, along the last axis."""

from __future__ import annotations

from typing import Any

from ._signal import process_signal

__all__ = [
    "coherence",
    "convolve",
    "csd",
    "cwt",
    "fft",
    "filtfilt",
    "ifft",
    "irfft",
    "istft",
    "lfilter",
    "medfilt",
    "mfcc",
    "periodogram",
    "process_signal",
    "resample_poly",
    "rfft",
    "savgol_filter",
    "sosfilt",
    "sosfiltfilt",
    "spectrogram",
    "stft",
    "wavedec",
    "waverec",
    "welch",
]


def _run(family: str, kind: str, x: Any, others: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    return process_signal(family, x, {"kind": kind, **parameters}, inputs=others)


def fft(x: Any, n: int | None = None, norm: str | None = None) -> Any:
    """The discrete Fourier transform."""
    return _run("fft", "fft", x, n=n, norm=norm)["spectrum"]


def ifft(x: Any, n: int | None = None, norm: str | None = None) -> Any:
    """The inverse of :func:`fft`."""
    import numpy as np

    return _run("fft", "ifft", np.asarray(x) + 0j, n=n, norm=norm)["samples"]


def rfft(x: Any, n: int | None = None, norm: str | None = None) -> Any:
    """The half of the transform of real samples that says all of it."""
    return _run("fft", "rfft", x, n=n, norm=norm)["spectrum"]


def irfft(x: Any, n: int | None = None, norm: str | None = None) -> Any:
    """The inverse of :func:`rfft`."""
    import numpy as np

    return _run("fft", "irfft", np.asarray(x) + 0j, n=n, norm=norm)["samples"]


def lfilter(b: Any, a: Any, x: Any) -> Any:
    """A filter by its coefficients; an unstable one is refused with its poles."""
    return _run("filter", "lfilter", x, b=b, a=a)["samples"]


def sosfilt(sos: Any, x: Any) -> Any:
    """A filter by its second-order sections."""
    return _run("filter", "sosfilt", x, sos=sos)["samples"]


def filtfilt(b: Any, a: Any, x: Any, **parameters: Any) -> Any:
    """A filter forth and back, without phase. ``padtype``, ``padlen``."""
    return _run("filter", "filtfilt", x, b=b, a=a, **parameters)["samples"]


def sosfiltfilt(sos: Any, x: Any, **parameters: Any) -> Any:
    """Sections forth and back, without phase. ``padtype``, ``padlen``."""
    return _run("filter", "sosfiltfilt", x, sos=sos, **parameters)["samples"]


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of every channel of ``in1`` with ``in2``."""
    return _run("filter", "convolve", in1, {"in2": in2}, mode=mode, method=method)["samples"]


def resample_poly(x: Any, up: int, down: int, window: Any = None) -> Any:
    """Resamples by ``up / down`` with a polyphase filter."""
    return _run("filter", "resample_poly", x, up=up, down=down, window=window)["samples"]


def savgol_filter(x: Any, window_length: int, polyorder: int, **parameters: Any) -> Any:
    """Local polynomials by least squares. ``deriv``, ``delta``, ``mode``, ``cval``."""
    return _run("filter", "savgol_filter", x, window_length=window_length, polyorder=polyorder, **parameters)["samples"]


def medfilt(x: Any, kernel_size: int = 3) -> Any:
    """The median of a sliding window."""
    return _run("filter", "medfilt", x, kernel_size=kernel_size)["samples"]


def wavedec(data: Any, wavelet: str, mode: str = "symmetric", level: int | None = None) -> list[Any]:
    """The coefficients of all levels, the approximation first."""
    import numpy as np

    found = _run("wavelet", "wavedec", data, wavelet=wavelet, mode=mode, level=level)
    ends = np.cumsum(found["lengths"].astype(int))[:-1]
    return np.split(found["coefficients"], ends, axis=-1)


def waverec(coeffs: Any, wavelet: str, mode: str = "symmetric", *, n: int) -> Any:
    """The inverse of :func:`wavedec`; ``n`` is the length of what was decomposed."""
    import numpy as np

    flat = np.concatenate(coeffs, axis=-1)
    return _run("wavelet", "waverec", flat, wavelet=wavelet, mode=mode, level=len(coeffs) - 1, n=n)["samples"]


def cwt(data: Any, scales: Any, wavelet: str, sampling_period: float = 1.0) -> tuple[Any, Any]:
    """Coefficients [scales, …] and frequencies of the continuous transform with morl or mexh."""
    import numpy as np

    found = _run("wavelet", "cwt", data, wavelet=wavelet, scales=np.atleast_1d(scales), sampling_period=sampling_period)
    return np.moveaxis(found["coefficients"], -2, 0), found["frequencies"]


def periodogram(x: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any]:
    """Frequencies and power of the whole signal."""
    found = _run("spectral", "periodogram", x, fs=fs, **parameters)
    return found["frequencies"], found["psd"]


def welch(x: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any]:
    """Frequencies and averaged power.

    ``window``, ``nperseg``, ``noverlap``, ``nfft``, ``detrend``, ``scaling``, ``average``.
    """
    found = _run("spectral", "welch", x, fs=fs, **parameters)
    return found["frequencies"], found["psd"]


def csd(x: Any, y: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any]:
    """Frequencies and cross-spectrum."""
    found = _run("spectral", "csd", x, {"y": y}, fs=fs, **parameters)
    return found["frequencies"], found["csd"]


def coherence(x: Any, y: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any]:
    """Frequencies and coherence."""
    found = _run("spectral", "coherence", x, {"y": y}, fs=fs, **parameters)
    return found["frequencies"], found["coherence"]


def spectrogram(x: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any, Any]:
    """Frequencies, times and power."""
    found = _run("spectral", "spectrogram", x, fs=fs, **parameters)
    return found["frequencies"], found["times"], found["psd"]


def stft(x: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any, Any]:
    """Frequencies, times and the short-time transform."""
    found = _run("spectral", "stft", x, fs=fs, **parameters)
    return found["frequencies"], found["times"], found["stft"]


def istft(zxx: Any, fs: float = 1.0, **parameters: Any) -> tuple[Any, Any]:
    """Times and samples of a short-time transform."""
    import numpy as np

    samples = _run("spectral", "istft", np.asarray(zxx) + 0j, fs=fs, **parameters)["samples"]
    return np.arange(samples.shape[-1]) / fs, samples


def mfcc(y: Any, sr: float = 22050, **parameters: Any) -> Any:
    """Cepstral coefficients as librosa has them."""
    return _run("spectral", "mfcc", y, sr=sr, **parameters)["mfcc"]
