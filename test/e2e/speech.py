"""Makes a recording at 48 kHz of a synthetic voice, the line that finds its speech, and what silero's own code finds.

Usage: speech.py --out FOLDER [--seconds 20] [--repeat 1]
Writes into the folder: speech.wav, speech.jsonl, speech.json (probabilities by frame, segments in seconds).
"""

import argparse
import json
import sys
import wave
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import scipy.signal

RATE = 48_000
MODEL_RATE = 16_000
FRAME = 512
CONTEXT = 64
#: Formants of vowels in Hz, after Peterson and Barney (1952).
VOWELS = np.array(
    [
        [730, 1090, 2440],
        [270, 2290, 3010],
        [300, 870, 2240],
        [530, 1840, 2480],
        [570, 840, 2410],
    ]
)
BANDWIDTHS = (80, 100, 120)
SYLLABLE = 0.18


def voice(seconds: int) -> np.ndarray:
    """Pulses of a glottis through formants that glide from vowel to vowel, in phrases of 2.6 s with pauses of 1.4 s."""
    generator = np.random.default_rng(5)
    time = np.arange(seconds * RATE) / RATE
    pitch = (
        120 + 25 * np.sin(2 * np.pi * 0.7 * time) + 8 * np.sin(2 * np.pi * 5.1 * time)
    )
    pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0) > 0
    source = scipy.signal.lfilter([1], [1, -0.97], pulses.astype(float))
    source += 0.003 * generator.standard_normal(time.size)
    spoken = np.zeros(time.size)
    states = [np.zeros(2) for _ in BANDWIDTHS]
    hop = RATE // 100
    for start in range(0, time.size, hop):
        vowel, part = divmod(start / RATE / SYLLABLE, 1)
        before, after = (VOWELS[(int(vowel) + step) % len(VOWELS)] for step in (0, 1))
        block = source[start : start + hop]
        formants = before + (after - before) * part
        for index, (formant, bandwidth) in enumerate(
            zip(formants, BANDWIDTHS, strict=True)
        ):
            radius = np.exp(-np.pi * bandwidth / RATE)
            a = [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2]
            block, states[index] = scipy.signal.lfilter(
                [sum(a)], a, block, zi=states[index]
            )
        spoken[start : start + hop] = block
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * time / SYLLABLE - np.pi / 2)
    ramp = np.hanning(int(0.06 * RATE))
    phrases = np.convolve((time % 4 < 2.6).astype(float), ramp / ramp.sum(), "same")
    spoken *= 0.5 * syllables * phrases / np.abs(spoken).max()
    return spoken + 0.002 * generator.standard_normal(time.size)


def judged(samples: np.ndarray) -> dict:
    """What silero's own front-end on onnxruntime and its own rules make of samples at 16 kHz."""
    # Imported by helpers of the package that are not used here; scipy asks for the class where torch is loaded.
    torch = MagicMock()
    torch.Tensor = type("Tensor", (), {})
    sys.modules.setdefault("torch", torch)
    sys.modules.setdefault("torchaudio", MagicMock())
    import silero_vad
    from silero_vad.sequence_vad import SileroVADSequence
    from silero_vad.utils_vad import get_speech_timestamps_from_probs

    data = Path(silero_vad.__file__).parent / "data" / "silero_vad_16k_sequence.onnx"
    reference = SileroVADSequence(str(data), sampling_rate=MODEL_RATE)
    probabilities = np.asarray(reference.audio_forward(samples)).reshape(-1).tolist()
    spans = get_speech_timestamps_from_probs(
        probabilities, audio_length_samples=len(samples)
    )
    segments = [
        {name: value / MODEL_RATE for name, value in span.items()} for span in spans
    ]
    return {"probabilities": probabilities, "segments": segments}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    pcm = np.tile(np.round(voice(arguments.seconds) * 32767), arguments.repeat).astype(
        np.int16
    )
    with wave.open(str(arguments.out / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.tobytes())
    line = {
        "id": "speech",
        "type": "inference",
        "model": "silero-vad",
        "inputs": {"input": {"file": "speech.wav"}},
        "frames": {
            "steps": [
                {
                    "operation": "filter",
                    "parameters": {"kind": "resample_poly", "up": 1, "down": 3},
                }
            ],
            "length": FRAME,
            "context": CONTEXT,
            "segments": {"fs": MODEL_RATE},
        },
    }
    (arguments.out / "speech.jsonl").write_text(json.dumps(line) + "\n")
    audio = pcm.astype(np.float32) / 32768
    samples = scipy.signal.resample_poly(audio, 1, 3).astype(np.float32)
    (arguments.out / "speech.json").write_text(json.dumps(judged(samples)))


if __name__ == "__main__":
    main()
