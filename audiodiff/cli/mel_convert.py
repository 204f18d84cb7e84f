"""`audiodiff mel convert`: mels of one convention into files of another."""

from pathlib import Path

from rich.console import Console
from torch import Tensor

from audiodiff.cli.mel_files import Outcome, Target, mel_files
from audiodiff.errors import MelError, MelMismatchError
from audiodiff.mel import MelFile, MelSpec, read_mels, write_mel
from audiodiff.mel.conversion import Compatibility, MelConverter
from audiodiff.mel.conversion_error import estimated_error, floored_share
from audiodiff.mel.guesser import guess
from audiodiff.mel.invertible import check_invertible


def convert_files(
    files: list[Path],
    want: MelSpec,
    target: Target,
    spec: MelSpec | None,
    approximate: bool,
    transposed: bool,
    console: Console,
) -> Outcome:
    """Convert every mel of `files`, with a line for each; `spec` is the convention of those that name none."""
    outcome = Outcome()
    for file, below in mel_files(files, outcome, results=target.folder):
        try:
            for key, mel in read_mels(file, spec, transposed=transposed):
                path = target.path(below / key)
                console.print(f"{file} -> {path}: {convert_one(mel, want, approximate, path)}", markup=False)
                outcome.done += 1
        except Exception as error:  # one odd input never ends the run over the others
            outcome.fail(file, error)
    if outcome.done and not target.carries_spec:
        console.print(f"{target.suffix} files cannot say which convention they are in; .safetensors files can")
    return outcome


def convert_one(file: MelFile, want: MelSpec, approximate: bool, target: Path) -> str:
    """Convert and write one mel; return how it was done."""
    if file.spec is None:
        raise MelError(f"the file does not say its convention. {guess(file.mel)}. Name it with --as")
    converter = MelConverter(file.spec, want)
    if converter.estimates:
        check_invertible(file.spec)
    how = description(converter, file.mel)
    if converter.relation.compatibility is Compatibility.APPROXIMATE and not approximate:
        raise MelMismatchError(f"{how}: pass --approximate to convert it nevertheless, or extract it from audio")
    write_mel(target, converter(file.mel[None])[0], want)
    return how


def description(converter: MelConverter, mel: Tensor) -> str:
    """The changes and the cost of a conversion, in words."""
    relation, have, want = converter.relation, converter.have, converter.want
    if relation.compatibility is Compatibility.SAME:
        return "the same convention"
    if relation.compatibility is Compatibility.EXACT:
        floored = floored_share(mel, have, want)
        rest = f", but for {100 * floored:.1f} % of the values, which lie on its floor and stay there" * (floored > 0)
        return f"exact ({relation}){rest}"
    how = f"{relation.compatibility} ({relation}), off by about {estimated_error(mel, have, want):.2f} dB"
    if converter.delay:
        milliseconds = 1000 * converter.delay / want.sample_rate
        how += f", the sound {abs(milliseconds):.1f} ms {'later' if milliseconds > 0 else 'earlier'}"
    return how
