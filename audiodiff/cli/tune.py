"""`audiodiff tune`: what its arguments mean. The work is in `cli.tuning`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from audiodiff.cli.threads import set_threads

_Model = Annotated[str, Argument(help="A bundle's folder or name; what is found is written into it.")]
_Data = Annotated[Path, Argument(help="Recordings that are no test clips: a folder or a manifest.")]
_Steps = Annotated[int, Option(min=1, help="The number of network steps to find a grid for.")]
MetricName = Annotated[str, Option("--metric", help="What to improve: log_mel, pesq, mr_stft, mcd …")]
Budget = Annotated[int, Option(min=1, help="How many grids to try.")]
_Limit = Annotated[int | None, Option(min=1, help="Only the first so many recordings.")]
_Seed = Annotated[int, Option(min=0, help="Every grid is tried with the noise of this seed.")]
_Device = Annotated[str, Option(help="cpu, cuda, cuda:1, mps …")]
_Threads = Annotated[int | None, Option(min=1, help="CPU threads; without it torch's own choice.")]
_Resample = Annotated[bool, Option("--resample", help="Convert recordings at another sample rate.")]


def tune(
    model: _Model,
    data: _Data,
    steps: _Steps,
    metric: MetricName = "log_mel",
    budget: Budget = 60,
    limit: _Limit = None,
    seed: _Seed = 0,
    device: _Device = "cpu",
    threads: _Threads = None,
    resample: _Resample = False,
) -> None:
    """Search the times that a model samples best at with --steps steps, and make them its default for that number."""
    from audiodiff.evaluation.grid_tuning import Aim, tune_bundle

    set_threads(threads)
    tune_bundle(model, data, Aim(steps, metric, budget, limit, seed, device, resample))
