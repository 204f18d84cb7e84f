"""Distances of exported voices from PyTorch, beside what rounding does to PyTorch itself.

    pip install 'audiodiff[onnx]'
    python benchmarks/export_equality.py RECORDING [--voices ljspeech-fast,universal] [--frames 1,31,163] [--seed 5]

Largest differences of the waveform from PyTorch's, own number of steps, of the recording's first so many frames; in the
last column that of PyTorch from itself where every number of the longest mel is moved by one unit in the last place.
"""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from audiodiff import Vocoder
from audiodiff.audio import load_audio
from audiodiff.bundle.format import load_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.export.onnx import OPSET, export_sampler
from audiodiff.export.onnx_runner import OnnxVocoder
from audiodiff.mel import MelSpectrogram

warnings.filterwarnings("ignore")
VOICES = "ljspeech-fast,universal,ljspeech-tiny,diffwave-ljspeech"


def main(recording: Path, voices: str = VOICES, frames: str = "1,31,163", seed: int = 5) -> None:
    """Export every voice and print the table."""
    lengths = [int(length) for length in frames.split(",")]
    table = Table("voice", "MB", "opset", *(f"{length} frames" for length in lengths), "PyTorch's rounding")
    for voice in voices.split(","):
        bundle = load_bundle(bundle_folder(voice))
        vocoder, spec = Vocoder(bundle), bundle.model.mel
        wave = load_audio(recording, spec.sample_rate)
        mel = MelSpectrogram(spec)(wave[None])[0]

        def spoken(mel: Tensor, vocoder: Vocoder = vocoder) -> Tensor:
            return vocoder(mel, seed=seed, spec=vocoder.mel_spec)

        with TemporaryDirectory() as folder:
            path = Path(folder) / "voice.onnx"
            export_sampler(path, bundle, vocoder.sampler(), vocoder.times())
            size, runner = path.stat().st_size / 1e6, OnnxVocoder(str(path))
            heard = [torch.from_numpy(runner(mel[:, :length].numpy(), seed=seed)) for length in lengths]
        wanted = [spoken(mel[:, :length]) for length in lengths]
        apart = [(x - y).abs().max().item() for x, y in zip(heard, wanted, strict=True)]
        longest = mel[:, : lengths[-1]]
        moved = (spoken(longest.nextafter(torch.full_like(longest, torch.inf))) - wanted[-1]).abs().max().item()
        table.add_row(voice, f"{size:.1f}", str(OPSET), *(f"{x:.1e}" for x in apart), f"{moved:.1e}")
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
