"""Speak with an exported model: numpy and onnxruntime, no PyTorch. Copy this file into your own program.

    python onnx_runner.py MODEL.onnx MEL.npy OUT.wav [SEED]

The same seed gives the waveform that audiodiff itself gives, up to rounding.
"""

import hashlib
import json
import sys
import wave

import numpy as np
import onnxruntime

BLOCK = 1 << 14


class OnnxVocoder:
    """A whole model from `audiodiff export MODEL --to onnx`: call it with a mel, get the waveform."""

    def __init__(self, path: str, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # 0: as many as there are cores
        self.session = onnxruntime.InferenceSession(path, options, providers=onnxruntime.get_available_providers())
        self.facts = json.loads(self.session.get_modelmeta().custom_metadata_map["audiodiff"])
        self.sample_rate: int = self.facts["sample_rate"]

    def __call__(self, mel: np.ndarray, seed: int = 0) -> np.ndarray:
        """Map one mel [n_mels, frames], of the convention `facts["mel"]`, to float32 [samples]."""
        frames = mel.shape[1]
        samples = frames * self.facts["hop_length"]
        noise = np.stack([gaussian(seed, draw, samples) for draw in range(self.facts["draws"])])
        feeds = {"mel": mel[None].astype(np.float32), "noise": noise[:, None]}
        if self.facts["turns"]:
            feeds["turns"] = uniform(0, frames * self.facts["turns"]).reshape(frames, -1)
        return np.asarray(self.session.run(None, feeds)[0])[0]


def uniform(seed: int, count: int) -> np.ndarray:
    """Numbers in 0 … 1 from the Mersenne twister, as torch.rand makes them."""
    words = np.frombuffer(np.random.RandomState(seed).bytes(4 * count), dtype="<u4")
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def gaussian(seed: int, draw: int, samples: int) -> np.ndarray:
    """Standard normal noise that depends on the seed, the draw and the place of a sample alone."""
    blocks = [_block(seed, draw, index) for index in range(-(-samples // BLOCK))]
    return np.concatenate(blocks)[:samples]


def _block(seed: int, draw: int, index: int) -> np.ndarray:
    digest = hashlib.sha256(f"{seed} {draw} {index}".encode()).digest()
    word = int.from_bytes(digest[:8], "big") >> 1 & 0xFFFFFFFF
    first, second = uniform(word, BLOCK).reshape(-1, 2, 8).transpose(1, 0, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * np.float32(np.pi) * second  # Box & Muller 1958
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)


def main(model: str, mel: str, out: str, seed: str = "0") -> None:
    """Vocode one mel file into a 16-bit wav file."""
    vocoder = OnnxVocoder(model)
    samples = np.clip(np.rint(vocoder(np.load(mel), int(seed)) * 32768), -32768, 32767).astype("<i2")
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, vocoder.sample_rate, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
