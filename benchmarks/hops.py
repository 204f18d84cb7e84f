"""Changes of file on the way from a mel to sound: how far a reader must jump to follow one call.

    python benchmarks/hops.py [--model ljspeech-fast] [--frames 64] [--steps 1]

Every Python call within audiodiff is traced (`sys.setprofile`), after a first run that fills caches and imports what is
imported late. A change is a call or a return that leaves one file of the package for another; calls of other packages
in between do not count. Traced are `vocoder(mel)`, and `audiodiff vocode` with a mel file from the command to the WAV.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import torch
import typer

import audiodiff
from audiodiff import Vocoder
from audiodiff.audio import load_audio
from audiodiff.cli.main import main as command_line

PACKAGE = str(Path(audiodiff.__file__).parent)
CLIP = Path(__file__).parents[1] / "tests/clips/LJ001-0002.flac"


class FileTrace:
    """Counts of the calls in every file of the package, and the changes between files."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.changes = 0
        self._file = ""

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Take note of an event of the interpreter."""
        if event not in ("call", "return"):
            return
        owner = frame if event == "call" else frame.f_back
        file = owner.f_code.co_filename if owner is not None else ""
        if not file.startswith(PACKAGE):
            return
        self.calls[file] += event == "call"
        self.changes += file != self._file and self._file != ""
        self._file = file

    def follow(self, call: Callable[[], object]) -> "FileTrace":
        """Trace one call, in this thread."""
        sys.setprofile(self)
        try:
            call()
        finally:
            sys.setprofile(None)
        return self

    def __str__(self) -> str:
        busiest = ", ".join(f"{Path(file).relative_to(PACKAGE)} {n}" for file, n in self.calls.most_common(5))
        files = len([n for n in self.calls.values() if n])
        return f"{self.changes} changes of file, {files} files, {sum(self.calls.values())} calls; most in {busiest}"


def spoken(mel: Path, steps: int, model: str) -> None:
    """Run `audiodiff vocode` in this process."""
    sys.argv = ["audiodiff", "vocode", str(mel), "--model", model, "--steps", str(steps), "--overwrite"]
    sys.argv += ["--as", "model", "-o", str(mel.with_suffix(".wav"))]
    try:
        command_line()
    except SystemExit as end:
        if end.code:
            raise


def main(model: str = "ljspeech-fast", frames: int = 64, steps: int = 1) -> None:
    """Trace both, and print one line for each."""
    torch.set_num_threads(1)
    vocoder = Vocoder.from_pretrained(model)
    mel = vocoder.mel(load_audio(CLIP, vocoder.sample_rate))[:, :frames]

    def call() -> object:
        return vocoder(mel, spec=vocoder.mel_spec, n_steps=steps)

    call()
    direct = FileTrace().follow(call)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.npy"
        np.save(file, mel.numpy())
        spoken(file, steps, model)
        command = FileTrace().follow(lambda: spoken(file, steps, model))
    print(f"vocoder(mel), {frames} frames, {steps} step(s): {direct}")
    print(f"audiodiff vocode: {command}")


if __name__ == "__main__":
    typer.run(main)
