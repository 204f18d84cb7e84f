"""`audiodiff evaluate`: its arguments. The work is in `audiodiff.evaluation.comparison`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from audiodiff.cli.threads import set_threads
from audiodiff.errors import ConfigError

if TYPE_CHECKING:
    from audiodiff.data.perturbation import Perturbation

Generated = Annotated[Path | None, Argument(help="Generated recordings: a folder, a manifest (.jsonl) or one file.")]
Reference = Annotated[Path | None, Argument(help="The recordings that they should sound like.")]
Against = Annotated[list[Path] | None, Option(help="Another system's recordings, compared in pairs; repeatable.")]
_Model = Annotated[list[str] | None, Option(help="Instead of GENERATED: a bundle's folder or name; repeatable.")]
_Data = Annotated[Path | None, Option(help="With --model: recordings to vocode, a folder or a manifest.")]
Samplers = Annotated[str | None, Option("--sampler", help="With --model: samplers, such as ddim,ancestral.")]
_Steps = Annotated[str | None, Option(help="With --model: network steps, such as 1,2,4,6.")]
Perturb = Annotated[str | None, Option(help="With --model: worse mels too: noise=.2,blur-frames=1,blur-bands=1.")]
_Seed = Annotated[int, Option(min=0, help="With --model: the same seed gives the same waveforms.")]
_Device = Annotated[str, Option(help="With --model: cpu, cuda, cuda:1, mps …")]
_Threads = Annotated[int | None, Option(min=1, help="CPU threads; without it torch's own choice.")]
_Out = Annotated[Path | None, Option("--out", "-o", help="A folder for report.html, report.json and the audio.")]
Examples = Annotated[int, Option(min=0, help="Utterances with pictures and players in the report.")]
_Limit = Annotated[int | None, Option(min=1, help="Only the first so many utterances.")]
_Resample = Annotated[bool, Option("--resample", help="Convert recordings at another sample rate.")]
HighestMel = Annotated[float | None, Option("--f-max", help="Where the mel ended, in Hz; else the model's or 8000.")]
MaxLag = Annotated[float, Option(min=0, help="By how many ms two recordings may be shifted.")]
_Embedding = Annotated[Path | None, Option(help="An ONNX model, samples to features, for the Fréchet distance.")]
EmbeddingRate = Annotated[int, Option(min=1, help="The sample rate of that model.")]
Opinions = Annotated[bool, Option(help="Ask DistillMOS too, if its package is installed.")]
_Overwrite = Annotated[bool, Option("--overwrite", help="Replace a report that is there already.")]


def evaluate(
    generated: Generated = None,
    reference: Reference = None,
    against: Against = None,
    model: _Model = None,
    data: _Data = None,
    samplers: Samplers = None,
    steps: _Steps = None,
    perturb: Perturb = None,
    seed: _Seed = 0,
    device: _Device = "cpu",
    threads: _Threads = None,
    out: _Out = None,
    examples: Examples = 5,
    limit: _Limit = None,
    resample: _Resample = False,
    f_max: HighestMel = None,
    max_lag: MaxLag = 50.0,
    embedding: _Embedding = None,
    embedding_rate: EmbeddingRate = 16000,
    distillmos: Opinions = True,
    overwrite: _Overwrite = False,
) -> None:
    """Measure generated recordings against their references, or what a model makes of the recordings in --data."""
    from audiodiff.evaluation.comparison import EvaluationPlan, Output, Rules, evaluate_folders, evaluate_models
    from audiodiff.evaluation.ear import load_distillmos

    set_threads(threads)
    perturbations = parsed(perturb)
    judge = load_distillmos() if distillmos else None
    rules = Rules(f_max=f_max, max_lag=max_lag / 1000, resampled=resample, judge=judge)
    output = Output(out, examples, overwrite, embedding, embedding_rate)
    if generated and reference and not (model or data or perturbations):
        evaluate_folders([generated, *(against or [])], reference, limit, rules, output)
    elif model and data and not generated:
        choice = EvaluationPlan(model, data, limit, words(samplers), numbers(steps), seed, device, perturbations)
        evaluate_models(choice, rules, output)
    else:
        raise ConfigError("give either GENERATED and REFERENCE, or --model and --data (and --perturb only with these)")


def words(text: str | None) -> list[str | None]:
    """A comma-separated list; no list means the model's own choice."""
    return [None] if text is None else [word.strip() for word in text.split(",")]


def parsed(text: str | None) -> "list[Perturbation]":
    """The perturbations in a comma-separated list."""
    from audiodiff.data.perturbation import parse_perturbations

    return [] if text is None else parse_perturbations(text)


def numbers(text: str | None) -> list[int | None]:
    """A comma-separated list of step counts; raises `ConfigError` for anything else."""
    if text is None:
        return [None]
    found = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in found):
        raise ConfigError(f"--steps {text} is no list of step counts: expected whole numbers such as 1,2,4,6")
    return [int(word) for word in found]
