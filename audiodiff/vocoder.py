"""The public way to turn mels into sound."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict, Unpack, overload

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio.spec import MelSpec
from audiodiff.bundle import Bundle, load_bundle
from audiodiff.contract import Convert, fit_mel
from audiodiff.diffusion import SAMPLERS, Sampler, Times, uniform
from audiodiff.errors import BundleError, ConfigError, MelError, MelMismatchError
from audiodiff.hub import push_bundle, write_bundle
from audiodiff.model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.networks.gated import GatedStack
from audiodiff.noise import SampleNoise
from audiodiff.shelf import DEFAULT, bundle_folder
from audiodiff.types import Hertz, Mel, Samples, Wave

OneMel = Float[Tensor, "n_mels frames"]
AnyMel = OneMel | Float[Tensor, "batch n_mels frames"]
OneWave = Float[Tensor, " samples"]
AnyWave = OneWave | Wave
Lengths = Sequence[int] | Tensor


class Options(TypedDict, total=False):
    """How to vocode; every key may be left out.

    `steps` is the number of network steps, `sampler` one of `audiodiff.diffusion.SAMPLERS`; None takes the model's
    own. `seed` is one for all mels or one for each; the same seed gives the same waveform.

    `spec` is the convention that the mel is in. It is converted to the model's where a formula does that, with a
    warning, and with `convert="approximate"` also where an estimate is needed. Without `spec` it is guessed from
    the values, which takes time and refuses what looks like anything else; `spec=vocoder.mel_spec` says that you know.
    """

    steps: int | None
    sampler: str | None
    seed: int | Sequence[int]
    spec: MelSpec | None
    convert: Convert


class Vocoder:
    """A trained diffusion vocoder: call it with a mel, get the waveform.

    >>> vocoder = Vocoder.from_pretrained()
    >>> wave = vocoder(mel)  # [80, frames] -> [256 · frames] at vocoder.sample_rate
    """

    def __init__(self, bundle: Bundle) -> None:
        if not isinstance(bundle.model, DiffusionModel):
            raise BundleError(f"{bundle.name} is a generator, it takes no mels: use Generator, or `audiodiff generate`")
        self.name, self._bundle = bundle.name, bundle
        self.model = bundle.model.requires_grad_(False)
        self._dtype = torch.float32
        self._sampler, self._grid, self._grids = bundle.sampler, bundle.grid, bundle.grids

    @classmethod
    def from_pretrained(
        cls, model: str | os.PathLike[str] = DEFAULT, *, device: torch.device | str = "cpu"
    ) -> "Vocoder":
        """Load a bundle by its folder, by name one that ships with audiodiff, or one of the hub as `hub:user/repo`.

        Raises `BundleError` for a model that is not there or damaged, `ConfigError` for an unknown device.
        """
        return cls(load_bundle(bundle_folder(model))).to(device)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write the bundle to a folder that is new or holds one; raises `OutputError` otherwise."""
        return write_bundle(self._bundle, Path(folder))

    def push_to_hub(self, repo: str, *, private: bool = False, token: str | None = None) -> str:
        """Upload the bundle and its model card to `user/repo`; return the commit's address. See `audiodiff.hub`."""
        return push_bundle(self._bundle, repo, private=private, token=token)

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

    @property
    def receptive_field(self) -> Samples:
        """How many samples the samples of one frame depend on at every network call, that frame among them."""
        return (2 * self.model.reach + 1) * self.mel_spec.hop_length

    def half(self) -> "Vocoder":
        """Let the networks compute in float16; transforms, noise and waveforms stay in float32."""
        self._dtype = torch.float16
        return self

    def bfloat16(self) -> "Vocoder":
        """Let the networks compute in bfloat16; transforms, noise and waveforms stay in float32."""
        self._dtype = torch.bfloat16
        return self

    def float(self) -> "Vocoder":
        """Let the networks compute in float32 again."""
        self._dtype = torch.float32
        return self

    def compile(self) -> "Vocoder":
        """Have the denoising network compiled at its first call, for all lengths; this takes a C++ compiler."""
        for module in self.model.denoiser.modules():
            if isinstance(module, GatedStack | DiffWave):
                module.compile(dynamic=True)
        return self

    def to(self, device: torch.device | str) -> "Vocoder":
        """Move the model; raises `ConfigError` for a device that is not there."""
        try:
            self.model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"cannot use device {str(device)!r}: {error}") from error
        return self

    @overload
    def __call__(self, mel: Sequence[OneMel], lengths: None = None, **options: Unpack[Options]) -> list[OneWave]: ...

    @overload
    def __call__(self, mel: AnyMel, lengths: Lengths | None = None, **options: Unpack[Options]) -> AnyWave: ...

    @torch.inference_mode()
    def __call__(
        self, mel: AnyMel | Sequence[OneMel], lengths: Lengths | None = None, **options: Unpack[Options]
    ) -> AnyWave | list[OneWave]:
        """Vocode one mel [n_mels, frames] to [samples], or a batch to [batch, samples]; samples = hop · frames.

        A list of mels of any lengths becomes a list of waveforms. `lengths` are the frames that count in each item
        of a padded batch; beyond hop · length a waveform is exactly zero. An item sounds the same alone, in a batch,
        in a list and padded.

        Raises `MelMismatchError` for a mel in another convention, `MelError` for one that is empty or not finite,
        `ConfigError` for options, lengths or seeds that do not fit.
        """
        if isinstance(mel, Tensor):
            if lengths is None:
                return self._last(mel, options)
            waves = self._each(unpadded(mel, lengths), options)
            return padded(waves, mel.shape[-1] * self.mel_spec.hop_length)
        if lengths is not None:
            raise ConfigError("got lengths beside a list of mels: they belong to a padded batch, one tensor")
        return self._each(list(mel), options)

    @torch.inference_mode()
    def steps(self, mel: AnyMel, **options: Unpack[Options]) -> Iterator[AnyWave]:
        """Yield the waveform after every network step; the last one is the result of calling the vocoder."""
        batch = self._checked(mel, options.get("spec"), options.get("convert", "exact"))
        with self._precision():
            waves = self.model.steps(
                batch,
                sampler=self.sampler(options.get("sampler")),
                times=self.times(options.get("steps")),
                noise=SampleNoise(seeds_for(options.get("seed", 0), len(batch))),
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

    def _each(self, mels: Sequence[OneMel], options: Options) -> list[OneWave]:
        seeds = seeds_for(options.get("seed", 0), len(mels))
        alone = [self._checked(mel, options.get("spec"), options.get("convert", "exact")) for mel in mels]
        known = options | {"spec": self.mel_spec}
        return [self._last(mel[0], known | {"seed": seed}) for mel, seed in zip(alone, seeds, strict=True)]

    def _last(self, mel: AnyMel, options: Options) -> AnyWave:
        *_, wave = self.steps(mel, **options)
        return wave

    def _precision(self) -> torch.autocast:
        device = next(self.model.parameters()).device.type
        return torch.autocast(device, self._dtype, enabled=self._dtype != torch.float32)

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


def seeds_for(seed: int | Sequence[int], batch: int) -> list[int]:
    """One seed for each of `batch` mels; raises `ConfigError` if there are not as many as mels."""
    seeds = [seed] * batch if isinstance(seed, int) else list(seed)
    if len(seeds) != batch:
        raise ConfigError(f"got {len(seeds)} seeds for {batch} mels: give one seed, or one for each mel")
    return seeds


def unpadded(mels: Mel, lengths: Lengths) -> list[OneMel]:
    """The items of a padded batch, each cut to its length; raises `ConfigError` for lengths that do not fit."""
    counts = [int(length) for length in lengths]
    if mels.ndim != 3 or len(counts) != len(mels):
        raise ConfigError(
            f"got {len(counts)} lengths for mels of shape {tuple(mels.shape)}: "
            "give a batch [batch, n_mels, frames] and one length for each item"
        )
    if wrong := [count for count in counts if not 0 < count <= mels.shape[-1]]:
        raise ConfigError(f"got lengths {wrong}: expected 1 to {mels.shape[-1]} frames, as the batch has")
    return [mel[:, :count] for mel, count in zip(mels, counts, strict=True)]


def padded(waves: Sequence[OneWave], samples: Samples) -> Wave:
    """The waveforms as one batch, zero behind the end of each."""
    return torch.stack([F.pad(wave, (0, samples - len(wave))) for wave in waves])
