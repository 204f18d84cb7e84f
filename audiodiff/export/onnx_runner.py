"""Speak with an exported model: numpy and onnxruntime, no PyTorch. Copy this file into your own program.

As a command: python onnx_runner.py MODEL.onnx MEL.npy OUT.wav [SEED]
"""

import hashlib
import json
import sys
import wave

import numpy as np
import onnxruntime

NOISE_SAMPLES = 1 << 14


class OnnxVocoder:
    """A whole model from `audiodiff export MODEL --to onnx`; `facts` say what it is, `facts["mel"]` its mels."""

    def __init__(self, path: str, options: onnxruntime.SessionOptions | None = None) -> None:
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.facts = json.loads(self.session.get_modelmeta().custom_metadata_map.get("audiodiff", "{}"))
        if self.facts.get("part") != "sampler":
            raise ValueError(f"{path} is no whole model: export one with `audiodiff export MODEL --to onnx`")

    def __call__(self, mel: np.ndarray, seed: int = 0) -> np.ndarray:
        """Map one mel [n_mels, frames] to float32 [hop_length * frames]; raises ValueError for anything else."""
        mel, n_mels, length = np.asarray(mel, np.float32), self.facts["mel"]["n_mels"], self.facts["frames"]
        usual = mel.ndim == 2 and len(mel) == n_mels and mel.shape[1] > 0 and length in (0, mel.shape[1])
        if not usual or not np.isfinite(mel).all():
            raise ValueError(f"got a mel of shape {mel.shape}: expected [{n_mels}, {length or 'frames'}], all finite")
        draws = [gaussian(seed, draw, mel.shape[1] * self.facts["hop_length"]) for draw in range(self.facts["draws"])]
        feeds = {"mel": mel[None], "noise": np.stack(draws)[:, None]}
        spoken = np.asarray(self.session.run(None, feeds)[0])[0]
        if np.isfinite(spoken).all():
            return spoken
        raise ValueError(f"no sound comes of a mel from {mel.min():g} to {mel.max():g}: is it of this convention?")


def uniform(seed: int, count: int) -> np.ndarray:
    """Numbers in 0 … 1 from the Mersenne twister, as torch.rand makes them."""
    words = np.frombuffer(np.random.RandomState(seed).bytes(4 * count), dtype="<u4")
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def gaussian(seed: int, draw: int, samples: int) -> np.ndarray:
    """Normal noise that depends on seed, draw and place alone, as torch.randn makes it (Box & Muller 1958)."""
    keys = [f"{seed} {draw} {index}".encode() for index in range(-(-samples // NOISE_SAMPLES))]
    seeds = [int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1 & 0xFFFFFFFF for key in keys]
    first, second = np.stack([uniform(seed, NOISE_SAMPLES) for seed in seeds]).reshape(-1, 2, 8).swapaxes(0, 1)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * np.float32(np.pi) * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:samples]


if __name__ == "__main__":
    vocoder, seed = OnnxVocoder(sys.argv[1]), int(sys.argv[4]) if len(sys.argv) > 4 else 0
    pcm = np.rint(32768 * vocoder(np.load(sys.argv[2]), seed)).clip(-32768, 32767)  # OUT stays if this fails
    with wave.open(sys.argv[3], "wb") as file:
        file.setparams((1, 2, vocoder.facts["sample_rate"], 0, "NONE", ""))
        file.writeframes(pcm.astype("<i2").tobytes())
