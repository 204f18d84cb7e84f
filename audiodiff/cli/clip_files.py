"""Clips as files: their names, and a picture of all."""

from collections.abc import Sequence
from pathlib import Path

from audiodiff.audio import save_audio
from audiodiff.audio.atomic import library_writes, written_whole
from audiodiff.conditioning import Conditioning
from audiodiff.errors import OutputError
from audiodiff.evaluation.contact_sheet import contact_sheet
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.types import Hertz, Wave

SHEET = "sheet.png"


def clip_names(model: GenerativeModel, cond: Conditioning, seeds: Sequence[int]) -> list[str]:
    """A name for every clip: its seed, its label, its speaker."""
    parts = [[f"{seed:04d}" for seed in seeds]]
    for ids, names in ((cond.label, model.labels), (cond.speaker, model.speakers)):
        if ids is not None:
            parts.append([names[i] for i in ids.tolist()])
    return ["-".join(of_clip) for of_clip in zip(*parts, strict=True)]


def check_free(out: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Make the folder; raise `OutputError` where that fails or files of these names are there already."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    there = [path for name in names if (path := out / f"{name}.wav").exists()]
    there += [path for path in [out / SHEET] if path.exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]} is there already: pass --overwrite to replace it, or choose another folder")


def write_clips(out: Path, names: Sequence[str], waves: Wave, sample_rate: Hertz) -> None:
    """Write a .wav for every clip, and the contact sheet."""
    for name, wave in zip(names, waves, strict=True):
        save_audio(out / f"{name}.wav", wave, sample_rate)
    with written_whole(out / SHEET) as scratch, library_writes(out / SHEET):
        contact_sheet(waves.cpu(), sample_rate, names).savefig(scratch)
