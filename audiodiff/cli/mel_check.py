"""`audiodiff mel check`: do these mels fit that model?"""

from pathlib import Path

from rich.console import Console

from audiodiff.cli.mel_files import Outcome, mel_files
from audiodiff.errors.sentences import in_flags
from audiodiff.mel import MelSpec, read_mels
from audiodiff.mel.compatibility import Verdict, check_compatibility


def check_files(files: list[Path], want: MelSpec, spec: MelSpec | None, transposed: bool, console: Console) -> Outcome:
    """Print a verdict for every mel; those that do not fit count as failures."""
    outcome = Outcome()
    for file, _ in mel_files(files, outcome):
        try:
            for key, mel in read_mels(file, spec, transposed=transposed):
                report = check_compatibility(mel.mel, mel.spec, want)
                name = str(file) if key == file.stem else f"{file} ({key})"
                if report.verdict in (Verdict.MATCH, Verdict.CONVERTIBLE):
                    console.print(f"{name}: {in_flags(str(report))}", markup=False)
                    outcome.done += 1
                else:
                    outcome.failures.append(f"{name}: {in_flags(str(report))}")
        except Exception as error:  # one odd input never ends the run over the others
            outcome.fail(file, error)
    return outcome
