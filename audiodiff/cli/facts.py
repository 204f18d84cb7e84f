"""Facts about a model that need no use of it."""

from hashlib import file_digest
from pathlib import Path
from typing import Any

from audiodiff.bundle.card import split_card
from audiodiff.bundle.constructors import Tree, build
from audiodiff.bundle.format import CARD, WEIGHTS, AnyModel, Bundle, load_bundle, read_config
from audiodiff.bundle.location import bundle_folder
from audiodiff.convert import convert
from audiodiff.mel import MelSpec, names_of
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.networks import SourceNetwork
from audiodiff.priors import SourceFilter
from audiodiff.vocoder import Vocoder

Facts = dict[str, str]


def facts_of(model: str) -> Facts:
    """The facts of a bundle, by its folder or name, or of a checkpoint that could become one."""
    return facts_of_checkpoint(Path(model)) if Path(model).is_file() else facts_of_bundle(bundle_folder(model))


def facts_of_bundle(folder: Path) -> Facts:
    """Facts from a bundle's files, and others computed from its model."""
    config, bundle = read_config(folder), load_bundle(folder)
    origin = config.get("origin")
    with (folder / WEIGHTS).open("rb") as file:
        checksum = file_digest(file, "sha256").hexdigest()
    return {
        "model": f"{bundle.name}, a bundle of format {config['format']} written by audiodiff {config.get('audiodiff')}",
        "folder": str(folder),
        **facts_of_model(bundle),
        "licence": str(card_header(folder / CARD).get("license", f"not stated in {CARD}")),
        "origin": f"see {CARD}" if origin is None else ", ".join(f"{key} {value}" for key, value in origin.items()),
        "checksum": f"sha256 {checksum} of {WEIGHTS}",
    }


def facts_of_checkpoint(path: Path) -> Facts:
    """Facts about the bundle that another project's checkpoint would become."""
    converted = convert(path)
    return {
        "model": f"a checkpoint of {converted.origin['project']}; audiodiff convert makes a bundle of it",
        **facts_of_model(converted.bundle()),
        "licence": "not stated in the checkpoint",
        "checksum": f"sha256 {converted.origin['sha256']} of {path.name}",
    }


def facts_of_model(bundle: Bundle) -> Facts:
    """The parts of a model, each in a line."""
    config, model, denoiser = bundle.config, bundle.model, bundle.model.denoiser
    return {
        **(facts_of_generator(model) if isinstance(model, GenerativeModel) else {}),
        "mel": mel_contract(model.mel),
        "network": f"{type(denoiser.network).__name__}, {size_of(denoiser.network)}",
        "prior": f"{type(model.prior).__name__}, {size_of(model.prior)}",
        **({"pitch": pitch(model.prior.source)} if isinstance(model.prior, SourceFilter) else {}),
        "diffusion": f"{type(denoiser.prediction).__name__} on {described(config['model']['denoiser']['schedule'])}",
        "sampling": sampling(config, model),
        "receptive field": receptive_field(model),
        **({"latency of a stream": latency(bundle)} if isinstance(model, DiffusionModel) else {}),
    }


def facts_of_generator(model: GenerativeModel) -> Facts:
    """The clips that a generator makes, and the conditions that it takes."""
    labels, speakers = (", ".join(names) for names in (model.labels, model.speakers))
    request = [f"{len(model.labels)} labels: {labels}", f"{len(model.speakers)} speakers: {speakers}"]
    if model.embedding_size:
        request.append(f"embeddings of {model.embedding_size} numbers")
    return {
        "makes": f"clips of {model.length} samples ({model.length / model.mel.sample_rate:.2f} s) without a mel",
        "told": "; ".join(request) if model.labels or model.speakers or model.embedding_size else "nothing",
        "guidance": f"trained with p_uncond {model.p_uncond:g}",
    }


def mel_contract(spec: MelSpec) -> str:
    """A mel convention in a line, with the names under which it is known."""
    logarithm = "ln" if spec.log_base == "e" else "log10"
    scaled = "" if spec.gain == 1 and spec.shift == 0 and spec.scale == 1 else ", scaled"
    return (
        f"{spec.n_mels} {spec.mel_scale} bands of {spec.f_min:g} to {spec.f_top:g} Hz, {logarithm}{scaled}, "
        f"{spec.sample_rate} Hz, n_fft {spec.n_fft}, window {spec.win_length}, hop {spec.hop_length}, "
        f'framing "{spec.framing}" ({", ".join(names_of(spec)) or "no name"})'
    )


def sampling(config: Tree, model: AnyModel) -> str:
    """The sampler and the grid that belong to a model."""
    times = build(config["grid"])(model.denoiser.schedule)
    return f"{described(config['sampler'])}, {len(times) - 1} steps"


def receptive_field(model: AnyModel) -> str:
    """The receptive field of a model's network, in samples and milliseconds."""
    samples = model.receptive_field
    return f"{samples} samples ({1000 * samples / model.mel.sample_rate:.0f} ms) at every network call"


def pitch(source: object) -> str:
    """Origin of a source-filter voice's f0, and its range."""
    found = ""
    if isinstance(source, SourceNetwork):
        found = f", {source.frequencies[0].item():.0f} to {source.frequencies[-1].item():.0f} Hz"
    return f"from the mel{found}, or given (f0= and vocode --f0, --transpose)"


def latency(bundle: Bundle) -> str:
    """The lag of a stream's waveform behind the mel, with the model's own sampler and grid."""
    vocoder = Vocoder(bundle)
    samples = vocoder.latency()
    return f"{samples} samples ({samples / vocoder.sample_rate:.2f} s) at most, {vocoder.n_steps} steps"


def size_of(module: Any) -> str:  # noqa: ANN401 (a network or a prior)
    """Number of parameters of a module."""
    return f"{sum(parameter.numel() for parameter in module.parameters()):,} parameters"


def described(node: Tree) -> str:
    """A constructor with its short arguments, as one would type it."""
    arguments = {key: value for key, value in node.items() if not key.startswith("_")}
    shown = {key: f"{len(value)} values" if isinstance(value, list) else value for key, value in arguments.items()}
    return f"{node['_target_'].rpartition('.')[2]}({', '.join(f'{key}={value}' for key, value in shown.items())})"


def card_header(path: Path) -> dict[str, Any]:
    """The YAML at the head of a model card; empty where there is none."""
    if not path.is_file():
        return {}
    return split_card(path.read_text(encoding="utf-8", errors="replace"))[0]
