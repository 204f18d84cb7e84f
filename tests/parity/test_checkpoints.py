"""Converted checkpoints give what their own projects gave: the networks, and whole sampling with recorded noise."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from audiodiff.audio import load_audio
from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import load_bundle
from audiodiff.conditioning import Conditioning
from audiodiff.convert import Converted, convert
from audiodiff.diffusion import Times, ancestral, ddim, from_betas, uniform
from audiodiff.engine import accelerated
from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel

SPEECHBRAIN = """\
train_timesteps: 50
beta_start: 0.0001
beta_end: 0.05
residual_layers: 6
residual_channels: 8
dilation_cycle_length: 3
unconditional: False
spec_n_mels: 80
spec_hop_length: 256
fast_sampling_noise_schedule: [0.0001, 0.001, 0.01, 0.05, 0.2, 0.5]
diffwave: !new:speechbrain.lobes.models.DiffWave.DiffWave
  input_channels: !ref <spec_n_mels>
"""
BDDM = """\
T: 200
beta_0: 0.0001
beta_T: 0.02
num_res_layers: 6
res_channels: 16
skip_channels: 16
dilation_cycle: 3
diffusion_step_embed_dim_in: 128
diffusion_step_embed_dim_mid: 128
diffusion_step_embed_dim_out: 64
sampling_rate: 22050
fil_len: 1024
hop_len: 256
win_len: 1024
mel_fmin: 0.0
mel_fmax: 8000.0
"""


@dataclass(frozen=True)
class Fixture:
    """A checkpoint, the arrays that its own project computed with it, and the config that it needs beside it."""

    checkpoint: str
    arrays: str
    source: str
    mel: str
    config: tuple[str, str] | None = None


FIXTURES = {
    "lmnt": Fixture("lmnt_tiny.pt", "lmnt_tiny.npz", "lmnt", "lmnt_diffwave"),
    "lmnt_unconditional": Fixture("lmnt_tiny_unconditional.pt", "lmnt_tiny_unconditional.npz", "lmnt", "lmnt_diffwave"),
    "speechbrain": Fixture(
        "speechbrain/diffwave.ckpt",
        "speechbrain/fixture.npz",
        "speechbrain",
        "speechbrain",
        ("hyperparams.yaml", SPEECHBRAIN),
    ),
    "priorgrad": Fixture("priorgrad/weights-300.pt", "priorgrad/fixture.npz", "priorgrad", "priorgrad"),
    "philsyn": Fixture("philsyn/300.pkl", "philsyn/fixture.npz", "philsyn", "philsyn"),
    "bddm": Fixture("bddm/score_net.pkl", "bddm/fixture.npz", "bddm", "philsyn", ("conf.yml", BDDM)),
}
COMPUTED = {"modules": lambda model: model, "engine": accelerated}
LMNT_LIKE = ["lmnt", "lmnt_unconditional", "speechbrain", "priorgrad"]
PHILSYN_LIKE = ["philsyn", "bddm"]

Arrays = dict[str, Tensor]
Opened = Callable[[str], tuple[Converted, Arrays]]


class Recorded:
    """Noise that was drawn elsewhere, handed out in the order of its drawing."""

    def __init__(self, draws: Tensor) -> None:
        self.draws = list(draws)

    def __call__(self, like: Tensor) -> Tensor:
        return self.draws.pop(0).reshape(like.shape)


@pytest.fixture(scope="module")
def opened(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    folder = shared / "parity/checkpoints"

    @cache
    def open_fixture(name: str) -> tuple[Converted, Arrays]:
        fixture = FIXTURES[name]
        path = folder / fixture.checkpoint
        if fixture.config is not None:
            path = Path(shutil.copy(path, tmp_path_factory.mktemp(name)))
            (path.parent / fixture.config[0]).write_text(fixture.config[1])
        with np.load(folder / fixture.arrays) as arrays:
            return convert(path), {key: torch.from_numpy(arrays[key]) for key in arrays}

    return open_fixture


def network_output(model: DiffusionModel, arrays: Arrays, step: Tensor, how: str) -> Tensor:
    x_t, n_steps = arrays["x_t"].reshape(2, -1), model.denoiser.network.embedding.n_steps
    t = (step.flatten().double() + 1) / n_steps
    with torch.no_grad():
        return COMPUTED[how](model).denoiser.output(x_t, t.expand(2), Conditioning(mel=arrays.get("mel")))


def sample(converted: Converted, mel: Tensor | None, noise: Tensor, times: Times) -> Tensor:
    frames = noise.shape[-1] // converted.model.mel.hop_length
    mel = torch.zeros(80, frames) if mel is None else mel
    sampler = build(converted.config["sampler"])
    return converted.model.generate(mel[None], sampler=sampler, times=times, noise=Recorded(noise))


def grid(converted: Converted) -> Times:
    return build(converted.config["grid"])(converted.model.denoiser.schedule)


def test_no_fixture_is_left_out(shared: Path) -> None:
    folder = shared / "parity/checkpoints"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".pt", ".pkl", ".ckpt")}
    assert found == {fixture.checkpoint for fixture in FIXTURES.values()}


@pytest.mark.parametrize("name", FIXTURES)
def test_source_is_recognized(name: str, opened: Opened) -> None:
    converted, _ = opened(name)
    project = converted.origin["project"].lower()
    assert FIXTURES[name].source in project


@pytest.mark.parametrize("name", LMNT_LIKE)
@pytest.mark.parametrize("step", ["int", "frac"])
@pytest.mark.parametrize("how", COMPUTED)
def test_network_of_the_lmnt_family(name: str, step: str, how: str, opened: Opened) -> None:
    converted, arrays = opened(name)
    output = network_output(converted.model, arrays, arrays[f"step_{step}"], how)
    assert_close(output, arrays[f"eps_{step}"][:, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PHILSYN_LIKE)
@pytest.mark.parametrize("how", COMPUTED)
def test_network_of_the_philsyn_family(name: str, how: str, opened: Opened) -> None:
    converted, arrays = opened(name)
    output = network_output(converted.model, arrays, arrays["steps"], how)
    assert_close(output, arrays["eps"][:, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", LMNT_LIKE)
def test_fast_sampling_of_the_lmnt_family(name: str, opened: Opened) -> None:
    converted, arrays = opened(name)
    noise = arrays["fast_noise" if "fast_noise" in arrays else "fast_noise_unit"]
    audio = sample(converted, arrays.get("fast_mel"), noise, grid(converted))
    assert_close(audio[0], arrays["fast_audio"].flatten(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", LMNT_LIKE)
def test_full_sampling_of_the_lmnt_family(name: str, opened: Opened) -> None:
    converted, arrays = opened(name)
    noise = arrays["full_noise" if "full_noise" in arrays else "full_noise_unit"]
    audio = sample(converted, arrays.get("full_mel"), noise, uniform(converted.model.denoiser.schedule, 50))
    assert_close(audio[0], arrays["full_audio"].flatten(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("steps", [3, 4, 12])
def test_other_fast_lists_of_lmnt(steps: int, opened: Opened) -> None:
    converted, arrays = opened("lmnt")
    times = from_betas(converted.model.denoiser.schedule, arrays[f"list_betas{steps}"].tolist())
    assert_close(times[:-1] * 50 - 1, arrays[f"T_betas{steps}"].double().flip(0), rtol=0, atol=1e-5)
    audio = sample(converted, arrays["full_mel"], arrays[f"noise_betas{steps}"], times)
    assert_close(audio[0], arrays[f"audio_betas{steps}"].flatten(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["first_below", "last_beyond", "middle_none"])
def test_lists_on_which_lmnt_fails_are_clamped(name: str, opened: Opened) -> None:
    converted, arrays = opened("lmnt")
    times = from_betas(converted.model.denoiser.schedule, arrays[f"list_bad_{name}"].tolist())
    assert times[0] <= 1
    assert times[-2] >= 1 / 50


def test_sampling_of_philsyn(opened: Opened) -> None:
    converted, arrays = opened("philsyn")
    times = grid(converted)
    assert_close(times[:-1] * 20 - 1, arrays["sampling_steps"].double(), rtol=0, atol=1e-9)
    audio = sample(converted, arrays["sampling_mel"], arrays["sampling_noise"], times)
    assert_close(audio[0], arrays["sampling_audio"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "sampler"), [("ddpm", ancestral), ("ddim", ddim)])
def test_sampling_of_bddm(name: str, sampler: object, opened: Opened) -> None:
    converted, arrays = opened("bddm")
    model = converted.model
    times = from_betas(model.denoiser.schedule, arrays["betas_b6"].tolist())
    # BDDM looks the steps up in float32, where neighbouring alphas near 1 differ in the last digits only.
    assert_close(times[:-1].float() * 200 - 1, arrays[f"{name}_steps"], rtol=0, atol=2e-3)
    noise = Recorded(arrays[f"{name}_noise"])
    audio = model.generate(arrays["sampling_mel"][None], sampler=sampler, times=times, noise=noise)
    assert_close(audio[0], arrays[f"{name}_audio"], rtol=0, atol=1e-4)


def test_noise_of_priorgrad_is_as_loud_as_the_mel(opened: Opened) -> None:
    converted, arrays = opened("priorgrad")
    assert_close(converted.model.prior.std(arrays["spectrogram"][None])[0], arrays["target_std_frames"])


@pytest.mark.parametrize("name", FIXTURES)
def test_mel_contract_is_the_project_own(name: str, opened: Opened, shared: Path) -> None:
    converted, _ = opened(name)
    wave = load_audio(shared / "parity/clip.flac")
    with np.load(shared / f"parity/mels/{FIXTURES[name].mel}.npz") as arrays:
        expected = torch.from_numpy(arrays["mel"])
    assert_close(MelSpectrogram(converted.model.mel)(wave[None])[0], expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", FIXTURES)
def test_bundle_speaks_bit_for_bit_like_what_was_converted(name: str, opened: Opened, tmp_path: Path) -> None:
    converted, arrays = opened(name)
    again = load_bundle(converted.save(tmp_path / "bundle"))
    for parameter, tensor in converted.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[parameter]), parameter
    step = arrays["steps" if name in PHILSYN_LIKE else "step_int"]
    assert torch.equal(*(network_output(one.model, arrays, step, "modules") for one in (again, converted)))
    assert torch.equal(again.grid(again.model.denoiser.schedule), grid(converted))


def test_a_config_elsewhere_is_named(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(SPEECHBRAIN)
    path = shared / "parity/checkpoints/speechbrain/diffwave.ckpt"
    converted = convert(path, config=tmp_path / "my.yaml")
    assert converted.model.denoiser.network.block_radius == 2 * (1 + 2 + 4)
    with pytest.raises(ConfigError, match="choose one of"):
        convert(path, "wavenet")
