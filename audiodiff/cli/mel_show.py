"""`audiodiff mel show` and `list`: tables and pictures of mels and conventions."""

from dataclasses import fields
from pathlib import Path

import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio.atomic import written_whole
from audiodiff.cli.mel_files import Outcome, mel_files
from audiodiff.errors import OutputError
from audiodiff.mel import ALIASES, CONVENTIONS, MelFile, MelSpec, names_of, read_mels
from audiodiff.mel.guesser import guess

SHADES = " ░▒▓█"
PICTURE_ROWS, PICTURE_COLUMNS = 16, 96
DEFAULTS = {field.name: field.default for field in fields(MelSpec)}


def conventions_table() -> Table:
    """Every named convention with its other names, one row each."""
    table = Table("convention", "Hz", "fft/window/hop", "bands", "from … to Hz", "stored as", box=SIMPLE)
    aliases = {alias for names in ALIASES.values() for alias in names}
    for name, spec in CONVENTIONS.items():
        if name not in aliases:
            names = "\n = ".join((name, *ALIASES.get(name, ())))
            table.add_row(names, *_row(spec))
    return table


def print_conventions(console: Console) -> None:
    """Print that table as wide as it is: a narrow terminal wraps its lines, and nothing is cut off in a pipe."""
    table = conventions_table()
    width = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    Console(file=console.file, width=max(width, console.width), highlight=False).print(table)


def show_files(
    files: list[Path], spec: MelSpec | None, picture: Path | None, transposed: bool, console: Console
) -> Outcome:
    """Print the contract, the figures and a sketch of every mel, and draw the first one into `picture`."""
    outcome = Outcome()
    for file, _ in mel_files(files, outcome):
        try:
            for key, mel in read_mels(file, spec, transposed=transposed):
                console.print(facts_table(key, mel))
                console.print(sketch(mel.mel))
                if picture is not None and not outcome.done:
                    draw(mel, key, picture)
                    console.print(f"drawn into {picture}", markup=False)
                outcome.done += 1
        except Exception as error:  # one odd input never ends the run over the others
            outcome.fail(file, error)
    return outcome


def facts_table(key: str, file: MelFile) -> Table:
    """The declared or guessed convention of a mel, and its figures."""
    mel, spec = file.mel, file.spec
    table = Table("", Column(key, overflow="fold"), box=SIMPLE)
    table.add_row("convention", " = ".join(names_of(spec)) or "has no name" if spec else f"not declared. {guess(mel)}")
    table.add_row("shape", f"{mel.shape[0]} bands, {mel.shape[1]} frames")
    if spec:
        table.add_row("duration", f"{mel.shape[1] / spec.frame_rate:.2f} s at {spec.frame_rate:.2f} frames per second")
    quantiles = torch.quantile(_sample(mel), torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99])).tolist()
    table.add_row("lowest … highest", f"{mel.min():.4g} … {mel.max():.4g}")
    table.add_row("1, 25, 50, 75, 99 %", "  ".join(f"{value:.3g}" for value in quantiles))
    table.add_row("at the lowest value", f"{100 * (mel == mel.min()).float().mean():.1f} % of all values")
    for name, value in (spec.to_dict() if spec else {}).items():
        if value != DEFAULTS[name]:
            table.add_row(name, _short(value))
    return table


def sketch(mel: Tensor) -> str:
    """The mel in characters, low bands at the bottom."""
    size = min(PICTURE_ROWS, mel.shape[0]), min(PICTURE_COLUMNS, mel.shape[1])
    small = F.adaptive_avg_pool2d(mel[None], size)[0].flip(0)
    span = (small.max() - small.min()).clamp_min(1e-9)
    shades = ((small - small.min()) / span * (len(SHADES) - 1)).round().long().tolist()
    return "\n".join("".join(SHADES[shade] for shade in row) for row in shades)


def draw(file: MelFile, title: str, path: Path) -> None:
    """Draw a mel over time; the suffix of `path` names the format."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise OutputError("pictures need the package matplotlib: pip install matplotlib") from error
    seconds = file.mel.shape[1] / file.spec.frame_rate if file.spec else None
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.add_subplot()
    extent = (0, seconds or file.mel.shape[1], 0, file.mel.shape[0])
    image = axes.imshow(file.mel.numpy(), origin="lower", aspect="auto", interpolation="nearest", extent=extent)
    axes.set(title=title, xlabel="seconds" if seconds else "frames", ylabel="band")
    figure.colorbar(image)
    with written_whole(path) as scratch:
        try:
            figure.savefig(scratch)
        except ValueError as error:
            raise OutputError(f"cannot draw into {path}: {error}") from error


def _row(spec: MelSpec) -> tuple[str, ...]:
    """The cells of a convention between its name and its aliases."""
    lengths = f"{spec.n_fft}/{spec.win_length}/{spec.hop_length}"
    band = f"{spec.f_min:g} … {spec.f_top:g} {spec.mel_scale}"
    if spec.range is not None:
        stored = f"dB as {spec.range[0]:g} … {spec.range[1]:g}"
    else:
        stored = ("ln" if spec.log_base == "e" else "log10") + (" of energy" if spec.power == 2 else "")
    return str(spec.sample_rate), lengths, str(spec.n_mels), band, stored


def _short(value: object) -> str:
    """A value for a table; a list of one number per band is only counted."""
    return f"{len(value)} values" if isinstance(value, list) and len(value) > 2 else str(value)


def _sample(mel: Tensor) -> Tensor:
    """At most about a million values, which is what torch.quantile can take."""
    return mel.flatten()[:: max(1, mel.numel() // 1_000_000)]
