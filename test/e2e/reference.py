"""Makes requests of real input and what OpenVINO's Python API and silero's own code answer to them.

Usage: reference.py --magika MODEL --silero MODEL --files FOLDER... --out FOLDER
Writes into the folder: magika.jsonl, silero.jsonl, stream.jsonl, their expected answers as JSON lists of numbers, and
the WAV file that the audio requests name.
"""

import argparse
import json
import sys
import wave
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import openvino

RATE = 16_000
FRAME = 512
CONTEXT = 64
SECONDS = 60
COUNT = 100
MAGIKA_HALF = 1024
MAGIKA_PADDING = 256


def synthetic_audio(seconds: int) -> np.ndarray:
    """A tone that comes and goes over noise, as PCM16: bursts of harmonics that a voice detector has to judge."""
    generator = np.random.default_rng(20261124)
    time = np.arange(seconds * RATE) / RATE
    envelope = np.clip(np.sin(2 * np.pi * time / 3.1), 0, 1)
    pitch = 140 + 30 * np.sin(2 * np.pi * time * 1.7)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(phase * harmonic) / harmonic for harmonic in range(1, 12))
    audio = 0.25 * envelope * voice + 0.02 * generator.standard_normal(time.size)
    return np.clip(audio * 32767, -32768, 32767).astype(np.int16)


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def magika_features(content: bytes) -> list[int]:
    """The first and the last bytes of a file without white space around, padded in the middle: magika's input."""
    beginning = content.lstrip()[:MAGIKA_HALF]
    end = content.rstrip()[-MAGIKA_HALF:]
    return [
        *beginning,
        *[MAGIKA_PADDING] * (MAGIKA_HALF - len(beginning)),
        *[MAGIKA_PADDING] * (MAGIKA_HALF - len(end)),
        *end,
    ]


def magika(core: openvino.Core, model: Path, folders: list[Path], out: Path) -> None:
    found = (path for folder in folders for path in folder.rglob("*"))
    files = sorted(
        path for path in found if path.is_file() and path.stat().st_size > 0
    )[:COUNT]
    if len(files) < COUNT:
        sys.exit(f"{folders} have {len(files)} files, {COUNT} are needed")
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = []
    with (out / "magika.jsonl").open("w") as lines:
        for path in files:
            features = magika_features(path.read_bytes())
            tensor = {
                "data": features,
                "shape": [1, 2 * MAGIKA_HALF],
                "datatype": "INT32",
            }
            lines.write(
                json.dumps(
                    {
                        "type": "inference",
                        "model": "magika",
                        "inputs": {"bytes": tensor},
                    }
                )
                + "\n"
            )
            answers.append(compiled(np.array([features], np.int32))[0][0].tolist())
    (out / "magika.json").write_text(json.dumps(answers))


def silero(core: openvino.Core, model: Path, samples: np.ndarray, out: Path) -> None:
    """Single inferences, each from a state of zeros."""
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    audio = samples.astype(np.float32) / 32768
    state = np.zeros((2, 1, 128), np.float32)
    answers = []
    with (out / "silero.jsonl").open("w") as lines:
        for index in range(COUNT):
            start = index * 4001
            window = audio[start : start + FRAME + CONTEXT]
            inputs = {
                "input": {
                    "file": "audio.wav",
                    "offset": start,
                    "shape": [1, FRAME + CONTEXT],
                },
                "state": {"data": [0] * 256, "shape": [2, 1, 128], "datatype": "FP32"},
            }
            lines.write(
                json.dumps(
                    {"type": "inference", "model": "silero-vad", "inputs": inputs}
                )
                + "\n"
            )
            answers.append(compiled([window[None], state])[0][0].tolist())
    (out / "silero.json").write_text(json.dumps(answers))


def stream(samples: np.ndarray, out: Path) -> None:
    """One stream over all frames, judged by silero's own sequence front-end on onnxruntime."""
    # Imported by helpers of the package that are not used here; the front-end itself does without.
    sys.modules.setdefault("torch", MagicMock())
    import silero_vad
    from silero_vad.sequence_vad import SileroVADSequence

    data = Path(silero_vad.__file__).parent / "data" / "silero_vad_16k_sequence.onnx"
    reference = SileroVADSequence(str(data), sampling_rate=RATE)
    audio = samples.astype(np.float32) / 32768
    probabilities = np.asarray(reference.audio_forward(audio)).reshape(-1)
    frames = len(samples) // FRAME
    with (out / "stream.jsonl").open("w") as lines:
        for index in range(frames):
            window = {
                "file": "audio.wav",
                "offset": index * FRAME - CONTEXT,
                "shape": [1, FRAME + CONTEXT],
            }
            line = {
                "type": "inference",
                "model": "silero-vad",
                "stream": "mic-1",
                "inputs": {"input": window},
            }
            if index == frames - 1:
                line["end_of_stream"] = True
            lines.write(json.dumps(line) + "\n")
    (out / "stream.json").write_text(
        json.dumps([[value] for value in probabilities[:frames].tolist()])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("magika", "silero", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--files", type=Path, nargs="+", required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    samples = synthetic_audio(SECONDS)
    write_wav(arguments.out / "audio.wav", samples)
    core = openvino.Core()
    magika(core, arguments.magika, arguments.files, arguments.out)
    silero(core, arguments.silero, samples, arguments.out)
    stream(samples, arguments.out)


if __name__ == "__main__":
    main()
