"""Records what numpy, scipy, PyWavelets, filterpy, padasip and librosa give, for tests/references.rs.

    python -m venv venv && venv/bin/pip install numpy scipy PyWavelets filterpy padasip librosa
    venv/bin/python native/signal/testdata/record.py

Writes references.json (what was asked) and references.bin (float64, little-endian) beside itself.
"""

import json
import pathlib
import warnings

import filterpy
import filterpy.kalman
import librosa
import numpy as np
import padasip
import pywt
import scipy
import scipy.fft
import scipy.stats
import scipy.signal as ss

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20261127)
warnings.filterwarnings("ignore")

blob = bytearray()
cases = []


def store(array):
    """Where an array lies in the file; complex elements are pairs."""
    array = np.asarray(array)
    is_complex = np.iscomplexobj(array)
    flat = np.ascontiguousarray(array, np.complex128 if is_complex else np.float64)
    place = len(blob) // 8
    blob.extend(flat.tobytes())
    return {"at": place, "shape": list(array.shape), "complex": is_complex}


def case(operation, data, expected, inputs=None, cond=1.0, **parameters):
    """One call with what it must give; `cond` is by how much its inputs' rounding is magnified."""
    cases.append(
        {
            "operation": operation,
            "parameters": parameters,
            "data": store(data),
            "inputs": {name: store(value) for name, value in (inputs or {}).items()},
            "expected": {name: store(value) for name, value in expected.items()},
            "cond": cond,
        }
    )


def noise(*shape):
    return rng.standard_normal(shape)


def ffts():
    for n in [1, 2, 3, 8, 15, 17, 64, 97, 100]:
        x = noise(2, n)
        z = x + 1j * noise(2, n)
        for norm in ["backward", "ortho", "forward"]:
            case(
                "fft",
                x,
                {"spectrum": scipy.fft.fft(x, norm=norm)},
                kind="fft",
                norm=norm,
            )
            case(
                "fft",
                z,
                {"samples": scipy.fft.ifft(z, norm=norm)},
                kind="ifft",
                norm=norm,
            )
        case("fft", z, {"spectrum": scipy.fft.fft(z)}, kind="fft")
        case(
            "fft",
            x,
            {
                "spectrum": scipy.fft.rfft(x),
                "frequencies": scipy.fft.rfftfreq(n, 1 / 8),
            },
            kind="rfft",
            fs=8,
        )
        case("fft", x, {"spectrum": scipy.fft.rfft(x, n + 5)}, kind="rfft", n=n + 5)
        half = scipy.fft.rfft(x)
        case("fft", half, {"samples": scipy.fft.irfft(half, n)}, kind="irfft", n=n)
        case(
            "fft",
            x,
            {
                "spectrum": scipy.fft.fftshift(scipy.fft.fft(x), axes=-1),
                "frequencies": scipy.fft.fftshift(scipy.fft.fftfreq(n)),
            },
            kind="fft",
            shift=True,
        )
    x = noise(12, 10)
    case("fft", x, {"spectrum": scipy.fft.fft2(x)}, kind="fft2")
    case(
        "fft",
        x,
        {"spectrum": scipy.fft.fftshift(scipy.fft.fft2(x))},
        kind="fft2",
        shift=True,
    )
    windows = [
        "hann",
        "hamming",
        "blackman",
        "nuttall",
        "blackmanharris",
        "flattop",
        "bartlett",
        "triang",
        "cosine",
    ]
    for window in [
        *windows,
        ["kaiser", 8.6],
        ["gaussian", 7.0],
        ["tukey", 0.3],
        ["tukey", 1.0],
    ]:
        for n in [31, 32]:
            x = noise(n)
            w = ss.get_window(tuple(window) if isinstance(window, list) else window, n)
            case("fft", x, {"spectrum": np.fft.rfft(x * w)}, kind="rfft", window=window)


def sensitivity(function, *arguments):
    """The condition of a design: how much the smallest change of its inputs changes what comes out."""
    base = function(*arguments)
    worst = 1.0
    for index, argument in enumerate(arguments):
        moved = list(arguments)
        moved[index] = np.asarray(argument, float) * (1 - 1e-9)
        change = np.linalg.norm(function(*moved) - base) / np.linalg.norm(base)
        worst = max(worst, change / 1e-9)
    return float(worst)


def iir_designs():
    """Recursive filters of all four kinds in all four bands; the output is compared, not the sections."""
    fs = 1000.0
    for kind, ripples in [
        ("butter", {}),
        ("cheby1", {"rp": 1.0}),
        ("cheby2", {"rs": 40.0}),
        ("ellip", {"rp": 0.5, "rs": 60.0}),
    ]:
        for btype in ["lowpass", "highpass", "bandpass", "bandstop"]:
            for order in [1, 2, 3, 4, 5, 8]:
                low = float(rng.uniform(30, 150))
                edges = (
                    [low, low + float(rng.uniform(60, 250))]
                    if btype.startswith("band")
                    else low
                )
                design = getattr(ss, kind)
                sos = design(
                    order, *ripples.values(), edges, btype, fs=fs, output="sos"
                )
                x = noise(80)

                def run(edges):
                    return ss.sosfilt(
                        design(
                            order, *ripples.values(), edges, btype, fs=fs, output="sos"
                        ),
                        x,
                    )

                case(
                    "filter",
                    x,
                    {"samples": ss.sosfilt(sos, x), "sos": sos},
                    cond=sensitivity(run, edges),
                    kind=kind,
                    N=order,
                    Wn=edges,
                    btype=btype,
                    fs=fs,
                    **ripples,
                )


def filters():
    for pad in ["odd", "even", "constant"]:
        sos = ss.butter(4, 0.2, output="sos")
        x = noise(3, 90)
        case(
            "filter",
            x,
            {"samples": ss.sosfiltfilt(sos, x, padtype=pad)},
            kind="sosfiltfilt",
            sos=sos.tolist(),
            padtype=pad,
        )
        b, a = ss.butter(3, 0.3)
        case(
            "filter",
            x,
            {"samples": ss.filtfilt(b, a, x, padtype=pad)},
            kind="filtfilt",
            b=b.tolist(),
            a=a.tolist(),
            padtype=pad,
        )
    for order in [1, 3, 5]:
        b, a = ss.cheby1(order, 1, 0.4)
        x = noise(2, 70)
        case(
            "filter",
            x,
            {"samples": ss.lfilter(b, a, x)},
            kind="lfilter",
            b=b.tolist(),
            a=a.tolist(),
        )
        sos = ss.ellip(order, 1, 40, [0.2, 0.5], "bandpass", output="sos")
        case(
            "filter",
            x,
            {"samples": ss.sosfilt(sos, x)},
            kind="sosfilt",
            sos=sos.tolist(),
        )
    for taps, cutoff, pass_zero in [
        (21, [0.3], True),
        (22, [0.3], "lowpass"),
        (31, [0.4], "highpass"),
        (41, [0.2, 0.5], "bandpass"),
        (41, [0.2, 0.5], "bandstop"),
        (51, [0.1, 0.3, 0.6, 0.8], False),
    ]:
        x = noise(60)
        h = ss.firwin(taps, cutoff, pass_zero=pass_zero)
        case(
            "filter",
            x,
            {"samples": ss.lfilter(h, 1, x), "taps": h},
            kind="firwin",
            numtaps=taps,
            cutoff=cutoff,
            pass_zero=pass_zero,
        )
    for taps, bands, desired, weight in [
        (11, [0, 0.4, 0.5, 1], [1, 1, 0, 0], [1, 1]),
        (31, [0, 0.2, 0.3, 0.6, 0.7, 1], [0, 0, 1, 1, 0, 0], [1, 5, 2]),
        (73, [0, 0.3, 0.35, 1], [1, 0.5, 0, 0], [1, 10]),
    ]:
        x = noise(90)
        h = ss.firls(taps, bands, desired, weight=weight)

        def run(bands):
            return ss.firls(taps, bands, desired, weight=weight)

        case(
            "filter",
            x,
            {"samples": ss.lfilter(h, 1, x), "taps": h},
            kind="firls",
            numtaps=taps,
            bands=bands,
            desired=desired,
            weight=weight,
            cond=sensitivity(run, bands),
        )
    for n, taps in [(50, 7), (7, 50), (300, 120), (130, 256), (5, 5)]:
        x, h = noise(2, n), noise(taps)
        for mode in ["full", "same", "valid"]:
            if mode == "valid" and taps > n:
                continue
            y = np.stack([ss.convolve(row, h, mode) for row in x])
            case(
                "filter",
                x,
                {"samples": y},
                inputs={"in2": h},
                kind="convolve",
                mode=mode,
            )
    for up, down, n in [
        (3, 2, 50),
        (2, 3, 50),
        (1, 4, 61),
        (160, 441, 200),
        (5, 1, 20),
        (4, 4, 20),
        (7, 13, 90),
    ]:
        x = noise(2, n)
        case(
            "filter",
            x,
            {"samples": ss.resample_poly(x, up, down, axis=-1)},
            kind="resample_poly",
            up=up,
            down=down,
        )
    for window, order, deriv, mode in [
        (5, 2, 0, "interp"),
        (11, 3, 0, "mirror"),
        (11, 4, 1, "interp"),
        (9, 2, 2, "nearest"),
        (7, 3, 0, "wrap"),
        (7, 2, 1, "constant"),
        (6, 2, 0, "nearest"),
    ]:
        x = noise(2, 40)
        case(
            "filter",
            x,
            {
                "samples": ss.savgol_filter(
                    x, window, order, deriv=deriv, delta=0.5, mode=mode
                )
            },
            kind="savgol_filter",
            window_length=window,
            polyorder=order,
            deriv=deriv,
            delta=0.5,
            mode=mode,
        )
    for size in [1, 3, 7, 51]:
        x = noise(33)
        case(
            "filter",
            x,
            {"samples": ss.medfilt(x, size)},
            kind="medfilt",
            kernel_size=size,
        )


def kalmans():
    for n, m, steps in [(1, 1, 30), (2, 1, 40), (4, 2, 40), (6, 3, 25)]:
        f = np.eye(n) + 0.1 * noise(n, n) * (1 - np.eye(n))
        f /= max(1.0, np.abs(np.linalg.eigvals(f)).max())
        h = noise(m, n)
        q, r, p = 0.01 * np.eye(n), np.eye(m) * 0.5, np.eye(n) * 10.0
        z = noise(steps, m)
        z[steps // 3] = np.nan
        filt = filterpy.kalman.KalmanFilter(n, m)
        filt.F, filt.H, filt.Q, filt.R, filt.P = f, h, q, r, p.copy()
        filt.x = np.zeros((n, 1))
        xs, ps = [], []
        for row in z:
            filt.predict()
            filt.update(None if np.isnan(row).all() else row[:, None])
            xs.append(filt.x[:, 0].copy())
            ps.append(filt.P.copy())
        xs, ps = np.array(xs), np.array(ps)
        model = {
            "F": f.tolist(),
            "H": h.tolist(),
            "Q": q.tolist(),
            "R": r.tolist(),
            "P": p.tolist(),
            "x": [0.0] * n,
        }
        case("kalman", z, {"x": xs, "P": ps}, kind="kalman", **model)
        sx, sp, _, _ = filt.rts_smoother(xs[:, :, None], ps)
        case("kalman", z, {"x": sx[:, :, 0], "P": sp}, kind="rts_smoother", **model)

    # A pendulum whose angle is seen through a sine.
    ekf = filterpy.kalman.ExtendedKalmanFilter(2, 1)
    dt = 0.05
    ekf.x, ekf.P = np.array([[0.8], [0.0]]), np.eye(2) * 0.5
    ekf.Q, ekf.R = np.eye(2) * 1e-3, np.array([[0.1]])
    z = np.sin(0.8 * np.cos(3.1 * dt * np.arange(40)))[:, None] + 0.1 * noise(40, 1)
    xs, ps = [], []
    for row in z:
        a, w = ekf.x[:, 0]
        ekf.F = np.array([[1, dt], [-9.81 * dt * np.cos(a), 1]])
        ekf.x = np.array([[a + dt * w], [w - 9.81 * dt * np.sin(a)]])
        ekf.P = ekf.F @ ekf.P @ ekf.F.T + ekf.Q
        ekf.update(
            row[:, None],
            lambda x: np.array([[np.cos(x[0, 0]), 0.0]]),
            lambda x: np.sin(x[:1]),
        )
        xs.append(ekf.x[:, 0].copy())
        ps.append(ekf.P.copy())
    case(
        "kalman",
        z,
        {"x": np.array(xs), "P": np.array(ps)},
        kind="extended",
        # The derivative is numeric: its error is about the square of the cube root of the precision.
        cond=1e5,
        f=[
            [[1.0, 1, 0], [dt, 0, 1]],
            [
                [1.0, 0, 1],
                {"function": "sin", "coefficient": -9.81 * dt, "arguments": [1, 0]},
            ],
        ],
        h=[[{"function": "sin", "arguments": [1, 0]}]],
        Q=ekf.Q.tolist(),
        R=ekf.R.tolist(),
        P=(np.eye(2) * 0.5).tolist(),
        x=[0.8, 0.0],
    )


def wavelets():
    names = ["haar", *[f"db{k}" for k in range(2, 11)], "sym4", "sym8"]
    modes = [
        "symmetric",
        "zero",
        "constant",
        "periodic",
        "reflect",
        "smooth",
        "antisymmetric",
        "antireflect",
        "periodization",
    ]
    for index, name in enumerate(names):
        for mode in modes:
            n = int(rng.integers(40, 90)) + index
            x = noise(n)
            depth = pywt.dwt_max_level(n, pywt.Wavelet(name).dec_len)
            parts = pywt.wavedec(x, name, mode, level=depth)
            flat = np.concatenate(parts)
            case(
                "wavelet",
                x,
                {"coefficients": flat, "lengths": [len(part) for part in parts]},
                kind="wavedec",
                wavelet=name,
                mode=mode,
            )
            if mode != "antireflect":
                case(
                    "wavelet",
                    flat,
                    {"samples": pywt.waverec(parts, name, mode)[:n]},
                    kind="waverec",
                    wavelet=name,
                    mode=mode,
                    n=n,
                )
    x = noise(2, 60)
    a, d = pywt.dwt(x, "db3")
    case(
        "wavelet",
        x,
        {"coefficients": np.concatenate([a, d], -1)},
        kind="dwt",
        wavelet="db3",
    )
    for name in ["morl", "mexh"]:
        x = noise(120)
        scales = [1.0, 2.0, 3.7, 8.0, 20.0]
        c, f = pywt.cwt(x, scales, name, 0.01)
        case(
            "wavelet",
            x,
            {"coefficients": c, "frequencies": f},
            kind="cwt",
            wavelet=name,
            scales=scales,
            sampling_period=0.01,
        )
    for soft in ["soft", "hard"]:
        x = np.sin(np.arange(150) / 9) + 0.3 * noise(150)
        parts = pywt.wavedec(x, "db4", "symmetric")
        limit = (
            np.median(np.abs(parts[-1]))
            / scipy.stats.norm.ppf(0.75)
            * np.sqrt(2 * np.log(150))
        )
        parts[1:] = [pywt.threshold(part, limit, soft) for part in parts[1:]]
        case(
            "wavelet",
            x,
            {"samples": pywt.waverec(parts, "db4", "symmetric")},
            kind="denoise",
            wavelet="db4",
            threshold_mode=soft,
        )


def spectra():
    for n, nperseg, overlap, detrend, window, average in [
        (300, 64, 32, "constant", "hann", "mean"),
        (257, 63, 10, "linear", "hamming", "mean"),
        (200, 50, 25, False, "boxcar", "mean"),
        (300, 32, 16, "constant", "hann", "median"),
    ]:
        x, y = noise(2, n), noise(2, n)
        common = {
            "fs": 100.0,
            "nperseg": nperseg,
            "noverlap": overlap,
            "detrend": detrend,
            "window": window,
        }
        for scaling in ["density", "spectrum"]:
            f, p = ss.welch(x, scaling=scaling, average=average, **common)
            case(
                "spectral",
                x,
                {"psd": p, "frequencies": f},
                kind="welch",
                scaling=scaling,
                average=average,
                **common,
            )
        if average == "mean":
            f, p = ss.csd(x, y, **common)
            case("spectral", x, {"csd": p}, inputs={"y": y}, kind="csd", **common)
            f, p = ss.coherence(x, y, **common)
            case(
                "spectral",
                x,
                {"coherence": p},
                inputs={"y": y},
                kind="coherence",
                **common,
            )
        f, t, p = ss.spectrogram(x, **common)
        case(
            "spectral",
            x,
            {"psd": p, "frequencies": f, "times": t},
            kind="spectrogram",
            **common,
        )
        f, t, z = ss.stft(x, 100.0, window, nperseg, overlap)
        case(
            "spectral",
            x,
            {"stft": z, "times": t},
            kind="stft",
            fs=100.0,
            nperseg=nperseg,
            noverlap=overlap,
            window=window,
        )
    x = noise(90)
    f, p = ss.periodogram(x, 10.0)
    case("spectral", x, {"psd": p, "frequencies": f}, kind="periodogram", fs=10.0)
    f, t, p = ss.spectrogram(noise_300 := noise(300))
    case("spectral", noise_300, {"psd": p}, kind="spectrogram")
    f, t, z = ss.stft(noise_300, nperseg=64)
    _, back = ss.istft(z, window="hann", nperseg=64)
    case("spectral", z, {"samples": back}, kind="istft", nperseg=64)
    y = noise(1500)
    mel = librosa.feature.melspectrogram(
        y=y, sr=8000, n_fft=256, hop_length=100, n_mels=20, dtype=np.float64, norm=None
    )
    basis = slaney(8000, 256, 20)
    power = np.abs(librosa.stft(y, n_fft=256, hop_length=100, dtype=np.complex128)) ** 2
    assert mel.shape == (20, power.shape[1])
    assert np.allclose(
        basis,
        librosa.filters.mel(sr=8000, n_fft=256, n_mels=20, dtype=np.float64),
        rtol=1e-12,
    )
    mel = basis @ power
    case(
        "spectral",
        y,
        {"mel": mel},
        kind="mel",
        sr=8000,
        n_fft=256,
        hop_length=100,
        n_mels=20,
    )
    coefficients = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13)
    case(
        "spectral",
        y,
        {"mfcc": coefficients},
        kind="mfcc",
        sr=8000,
        n_fft=256,
        hop_length=100,
        n_mels=20,
        n_mfcc=13,
    )
    for bounds in [
        {},
        {"height": 0.5},
        {"height": [0.0, 1.5], "distance": 4},
        {"prominence": 1.0},
        {"threshold": 0.3},
        {"width": 1.2},
    ]:
        # Eighths have plateaus and are the same in float32; equal heights would leave it open which goes first.
        x = noise(120) if "distance" in bounds else np.round(noise(120) * 8) / 8
        full = {"prominence": 0, "width": 0, "height": -1e300, **bounds}
        scipy_bounds = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in full.items()
        }
        peaks, found = ss.find_peaks(x, **scipy_bounds)
        expected = {
            "peaks": peaks,
            "prominences": found["prominences"],
            "widths": found["widths"],
            "peak_heights": found["peak_heights"],
        }
        case("spectral", x, expected, kind="find_peaks", **bounds)


def slaney(sr, n_fft, n_mels):
    return librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)


def adaptives():
    for kind, options, name in [
        ("lms", {"mu": 0.05}, "FilterLMS"),
        ("nlms", {"mu": 0.5, "eps": 0.01}, "FilterNLMS"),
        ("rls", {"mu": 0.98, "eps": 0.1}, "FilterRLS"),
    ]:
        for n in [1, 4]:
            x = noise(80)
            d = np.convolve(x, noise(n))[:80] + 0.05 * noise(80)
            rows = np.stack(
                [np.concatenate([np.zeros(k), x[: 80 - k]]) for k in range(n)], 1
            )
            filt = getattr(padasip.filters, name)(n, w="zeros", **options)
            y, e, w = filt.run(d, rows)
            case(
                "adaptive",
                x,
                {"y": y, "e": e, "w": w},
                inputs={"d": d},
                kind=kind,
                n=n,
                **options,
            )
            case(
                "adaptive",
                rows,
                {"y": y, "e": e},
                inputs={"d": d},
                kind=kind,
                n=n,
                **options,
            )


for record in [ffts, iir_designs, filters, kalmans, wavelets, spectra, adaptives]:
    record()
libraries = {
    module.__name__: module.__version__
    for module in [np, scipy, pywt, filterpy, padasip, librosa]
    if hasattr(module, "__version__")
}
text = json.dumps({"libraries": libraries, "cases": cases}, separators=(",", ":"))
(HERE / "references.json").write_text(text + "\n")
(HERE / "references.bin").write_bytes(bytes(blob))
print(f"{len(cases)} cases, {len(text) + len(blob)} bytes")
