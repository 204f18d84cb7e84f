"""The public way to turn mels into sound."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.spec import MelSpec
from audiodiff.bundle import CONFIG, Bundle, load_bundle
from audiodiff.contract import Convert, fit_mel
from audiodiff.diffusion import SAMPLERS, Sampler, Times, uniform
from audiodiff.errors import BundleError, ConfigError, MelError, MelMismatchError
from audiodiff.noise import SampleNoise
from audiodiff.types import Hertz, Mel, Wave

BUNDLES = Path(__file__).parent / "bundles"
DEFAULT = "ljspeech-fast"

AnyMel = Float[Tensor, "n_mels frames"] | Float[Tensor, "batch n_mels frames"]


class Vocoder:
    """A trained diffusion vocoder: call it with a mel, get the waveform.

    >>> vocoder = Vocoder.from_pretrained()
    >>> wave = vocoder(mel)  # [80, frames] -> [256 · frames] at vocoder.sample_rate
    """

    def __init__(self, bundle: Bundle) -> None:
        self.name = bundle.name
        self.model = bundle.model.requires_grad_(False)
        self._sampler, self._grid, self._grids = bundle.sampler, bundle.grid, bundle.grids

    @classmethod
    def from_pretrained(
        cls, model: str | os.PathLike[str] = DEFAULT, *, device: torch.device | str = "cpu"
    ) -> "Vocoder":
        """Load a bundle by its folder, or by name one that ships with audiodiff.

        Raises `BundleError` for a model that is not there or damaged, `ConfigError` for an unknown device.
        """
        return cls(load_bundle(bundle_folder(model))).to(device)

    @property
    def sample_rate(self) -> Hertz:
        """Of the waveforms, in hertz."""
        return self.mel_spec.sample_rate

    @property
    def mel_spec(self) -> MelSpec:
        """The convention of the mels that the model was trained on."""
        return self.model.mel

    @property
    def n_steps(self) -> int:
        """How many network steps are taken unless the caller says otherwise."""
        return len(self._grid(self.model.denoiser.schedule)) - 1

    def to(self, device: torch.device | str) -> "Vocoder":
        """Move the model; raises `ConfigError` for a device that is not there."""
        try:
            self.model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"cannot use device {str(device)!r}: {error}") from error
        return self

    @torch.inference_mode()
    def __call__(
        self,
        mel: AnyMel,
        *,
        steps: int | None = None,
        sampler: str | None = None,
        seed: int | Sequence[int] = 0,
        spec: MelSpec | None = None,
        convert: Convert = "exact",
    ) -> Float[Tensor, " samples"] | Wave:
        """Vocode one mel [n_mels, frames] to [samples], or a batch to [batch, samples]; samples = hop · frames.

        `steps` is the number of network steps, `sampler` one of `audiodiff.diffusion.SAMPLERS`; None takes the
        model's own. The same seed gives the same waveform, alone and in a batch; a list seeds each item.

        `spec` is the convention that the mel is in. It is converted to the model's where a formula does that,
        with a warning, and with `convert="approximate"` also where an estimate is needed. Without `spec` it is
        guessed from the values, which takes time and refuses what looks like anything else;
        `spec=vocoder.mel_spec` says that you know.

        Raises `MelMismatchError` for a mel in another convention, `MelError` for one that is empty or not finite.
        """
        *_, wave = self.steps(mel, steps=steps, sampler=sampler, seed=seed, spec=spec, convert=convert)
        return wave

    @torch.inference_mode()
    def steps(
        self,
        mel: AnyMel,
        *,
        steps: int | None = None,
        sampler: str | None = None,
        seed: int | Sequence[int] = 0,
        spec: MelSpec | None = None,
        convert: Convert = "exact",
    ) -> Iterator[Float[Tensor, " samples"] | Wave]:
        """Yield the waveform after every network step; the last one is the result of calling the vocoder."""
        batch = self._checked(mel, spec, convert)
        waves = self.model.steps(
            batch,
            sampler=self.sampler(sampler),
            times=self.times(steps),
            noise=SampleNoise(_seeds(seed, len(batch))),
        )
        for wave in waves:
            yield wave[0] if mel.ndim == 2 else wave

    def sampler(self, name: str | None = None) -> Sampler:
        """The sampler of that name, or the model's own; raises `ConfigError` for an unknown one."""
        if name is None:
            return self._sampler
        if name not in SAMPLERS:
            raise ConfigError(f"no sampler {name!r}: choose one of {', '.join(sorted(SAMPLERS))}")
        return SAMPLERS[name]

    def times(self, steps: int | None = None) -> Times:
        """The grid for a number of network steps: one tuned for it, else the model's own or a uniform one."""
        schedule = self.model.denoiser.schedule
        steps = self.n_steps if steps is None else steps
        if steps in self._grids:
            return self._grids[steps]
        return self._grid(schedule) if steps == self.n_steps else uniform(schedule, steps)

    def _checked(self, mel: AnyMel, spec: MelSpec | None, convert: Convert) -> Mel:
        n_mels, shape = (spec or self.mel_spec).n_mels, tuple(mel.shape)
        if mel.ndim not in (2, 3):
            raise MelError(f"got a mel of shape {shape}: expected [{n_mels}, frames] or [batch, {n_mels}, frames]")
        if shape[-2] != n_mels:
            hint = "it looks transposed" if shape[-1] == n_mels else "this model needs its own mel convention"
            raise MelMismatchError(f"got a mel of shape {shape}, expected {n_mels} bands before the frames: {hint}")
        if mel.numel() == 0:
            raise MelError(f"got an empty mel of shape {shape}: expected at least one frame")
        if not mel.isfinite().all():
            raise MelError("the mel holds NaN or infinite values: expected finite log magnitudes")
        batch = mel.detach().float().reshape(-1, *shape[-2:]).cpu()
        return fit_mel(batch, spec, self.mel_spec, convert).to(next(self.model.parameters()).device)


def bundle_folder(model: str | os.PathLike[str]) -> Path:
    """Where the bundle of that path or name is; raises `BundleError` if there is none."""
    folder = Path(model) if (Path(model) / CONFIG).is_file() else BUNDLES / model
    if not (folder / CONFIG).is_file():
        raise BundleError(f"no model {str(model)!r}: expected a folder with {CONFIG}, or one of {', '.join(shipped())}")
    return folder


def shipped() -> list[str]:
    """The names of the bundles inside the package."""
    return sorted(path.parent.name for path in BUNDLES.glob(f"*/{CONFIG}"))


def _seeds(seed: int | Sequence[int], batch: int) -> list[int]:
    seeds = [seed] * batch if isinstance(seed, int) else list(seed)
    if len(seeds) != batch:
        raise ConfigError(f"got {len(seeds)} seeds for {batch} mels: give one seed, or one for each mel")
    return seeds
