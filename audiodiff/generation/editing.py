"""Edits of a recording by a generator that was not trained for them.

The diffusion is run a part of the way only, or is shown what is known of its result. (Kong et al. 2021, section 5.4
and appendix: zero-shot denoising and interpolation; Lugmayr et al. 2022: inpainting.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio.clip import loudness
from audiodiff.defaults import on_processor
from audiodiff.diffusion import diffuse, projection, uniform
from audiodiff.errors import AudioError, ConfigError
from audiodiff.generation.generator import Generator
from audiodiff.generation.requests import ConditionRequest
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.noise import SampleNoise
from audiodiff.priors import MelLatent
from audiodiff.types import Hertz, Samples, Wave

FADE: Samples = 40
"""Length of the cross-fade at either end of a gap."""

QUIETEST, STANDS_OUT = 0.15, 1.5
"""The share of frames that hold nothing but noise, and by how many nepers (13 dB) a value must lie above it."""

UNCONDITIONAL = ConditionRequest(unconditional=True)

Project = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Editor:
    """Edits clips [batch, samples] that are no longer than the generator's own; length and loudness are kept.

    `interpolate` alone makes new clips, as long and as loud as the generator's.

    `request` is their condition, by default none. `n_steps` is that of a run from pure noise; a
    run from less noise takes its share. The generator must be one of mels (a `MelLatent` prior).

    Every method raises `AudioError` for clips that are empty, too long, silent or not finite.
    """

    generator: Generator
    request: ConditionRequest = UNCONDITIONAL
    guidance: float = 1.0
    n_steps: int = 50
    seed: int = 0

    @on_processor()
    @torch.no_grad()
    def denoise(self, waves: Wave, *, start: float = 0.9) -> Wave:
        """Noise the mel up to the time `start` and denoise it; what the new mel lacks is filtered out of `waves`.

        On the way what stands out of the noise is kept, and nothing may become louder, since noise only adds. The
        noise is taken to be steady: in every band it is as loud as the quietest 15 % of the frames.
        """
        clips = Clips.of(waves, self.generator)
        noisy = self._encode(clips)
        bands = self._prior.mel(noisy)
        compression = self._prior.envelope.likely.compression
        margin = STANDS_OUT * compression.neper / compression.scale
        heard = self._prior.rows(bands > bands.quantile(QUIETEST, dim=2, keepdim=True) + margin)

        def plausible(estimate: Tensor) -> Tensor:
            return torch.where(heard, noisy, torch.minimum(estimate, noisy))

        state = self._sampled(self._noised(noisy, start), start, plausible)
        return clips.restored(self._prior.attenuated(state, clips.waves))

    @on_processor()
    @torch.no_grad()
    def interpolate(self, first: Wave, second: Wave, shares: Sequence[float], *, start: float = 0.6) -> list[Wave]:
        """Between two batches of clips: one batch for every share of the second, mixed in noise at the time `start`.

        x_t = (1 - share) x_t of the first + share x_t of the second, both with the same noise (Kong et al. 2021).
        """
        one, two = Clips.of(first, self.generator), Clips.of(second, self.generator)
        ends = self._noised(self._encode(one), start), self._noised(self._encode(two), start)
        mixed = [self._sampled(torch.lerp(*ends, share), start) for share in shares]
        return [self.generator.model.decode(state).to(first.device) for state in mixed]

    @on_processor()
    @torch.no_grad()
    def inpaint(self, waves: Wave, *, begin: Samples, end: Samples) -> Wave:
        """Replace the samples from `begin` to `end` by what the generator thinks fits in between."""
        if not 0 <= begin < end <= waves.shape[-1]:
            raise ConfigError(f"a gap from {begin} to {end}: expected 0 <= begin < end <= {waves.shape[-1]} samples")
        inside = torch.zeros(waves.shape[-1], device=waves.device)
        inside[begin:end] = 1
        clips = Clips.of(waves * (1 - inside), self.generator)
        inside = F.pad(inside, clips.padding).to(clips.waves.device)
        spec = self.generator.model.mel
        touched = F.max_pool1d(F.pad(inside[None, None], (spec.n_fft // 2, spec.n_fft // 2)), spec.n_fft + 1, 1)[0, 0]
        unknown = touched[spec.hop_length // 2 :: spec.hop_length].bool()
        made = self._completed(clips, ~unknown.unsqueeze(0).expand(spec.n_mels, -1))
        share = F.avg_pool1d(F.pad(inside[None, None], (FADE, FADE)), 2 * FADE + 1, 1)[0, 0].clamp(max=0.5) * 2
        return clips.restored(torch.lerp(clips.waves, made, share))

    @on_processor()
    @torch.no_grad()
    def extend_band(self, waves: Wave, *, cutoff: Hertz) -> Wave:
        """Add what lies above `cutoff` to clips of which only the band below is right."""
        spec = self.generator.model.mel
        if not 0 < cutoff < spec.sample_rate / 2:
            raise ConfigError(f"cutoff {cutoff} Hz: expected one between 0 and {spec.sample_rate / 2:g} Hz")
        clips = Clips.of(waves, self.generator)
        frequencies = torch.linspace(0, spec.sample_rate / 2, spec.n_fft // 2 + 1)
        known = mel_filterbank(spec)[:, frequencies > cutoff].sum(dim=1) == 0
        made = self._completed(clips, known.unsqueeze(1).expand(-1, clips.waves.shape[-1] // spec.hop_length))
        return clips.restored(crossed_over(clips.waves, made, cutoff / spec.sample_rate))

    @property
    def _prior(self) -> MelLatent:
        prior = self.generator.model.prior
        if not isinstance(prior, MelLatent):
            raise ConfigError(
                f"{self.generator.name} generates {type(prior).__name__} waveforms: edit with one of mels"
            )
        return prior

    def _encode(self, clips: "Clips") -> Tensor:
        return self._prior.rows(self._prior.mel(self.generator.model.encode(clips.waves)))

    def _noised(self, x_0: Tensor, t: float) -> Tensor:
        if not 0 < t < 1:
            raise ConfigError(f"start {t:g}: expected a time between 0, where nothing changes, and 1, where all is new")
        eps = SampleNoise([self.seed])(x_0[:1])
        return diffuse(x_0, eps, torch.tensor(t, dtype=torch.float64), self.generator.model.denoiser.schedule)

    def _sampled(self, state: Tensor, start: float, project: Project | None = None) -> Tensor:
        """Sample from the time `start` to clean; with `project` every estimate of x_0 passes it."""
        generator, schedule = self.generator, self.generator.model.denoiser.schedule
        seeds = [self.seed] * len(state)
        denoise = generator.denoise(generator.condition(self.request, seeds), self.guidance)
        denoise = denoise if project is None else projection(denoise, project)
        times = uniform(schedule, max(1, round(self.n_steps * start)), start=start)
        *_, x_0 = generator.sampler()(denoise, schedule, state, times, SampleNoise(seeds))
        return x_0

    def _completed(self, clips: "Clips", known: Bool[Tensor, "n_mels frames"]) -> Wave:
        """Draw a mel that agrees with the clips where `known`, and make it sound with the clips' phases."""
        x_0 = self._encode(clips)
        mask = known.mT.flatten().to(x_0.device)

        def keep(estimate: Tensor) -> Tensor:
            return torch.where(mask, x_0, estimate)

        noise = SampleNoise([self.seed] * len(x_0))(x_0)
        return self._prior.decode_near(self._sampled(noise, 1.0, keep), clips.waves)


@dataclass(frozen=True)
class Clips:
    """Recordings in the middle of the generator's length, as loud as its training clips; and the way back."""

    waves: Wave
    padding: tuple[Samples, Samples]
    gain: Float[Tensor, "batch 1"]

    @classmethod
    def of(cls, waves: Wave, generator: Generator) -> "Clips":
        """Fit recordings; raises `AudioError` for those that cannot be edited."""
        model = generator.model
        if waves.ndim != 2 or not waves.numel() or waves.shape[-1] > model.length:
            raise AudioError(
                f"got clips of shape {tuple(waves.shape)}: expected [batch, samples] of at most {model.length} samples "
                f"at {generator.sample_rate} Hz; cut them or take another model"
            )
        if not waves.isfinite().all():
            raise AudioError("the clips hold NaN or infinite values: expected finite samples")
        gain = model.level / torch.stack([loudness(wave) for wave in waves]).unsqueeze(1)
        missing = model.length - waves.shape[-1]
        padding = (missing // 2, missing - missing // 2)
        return cls(F.pad(waves * gain, padding).to(next(model.parameters()).device), padding, gain)

    def restored(self, waves: Wave) -> Wave:
        """Edited clips at the length and the loudness of the recordings."""
        left, right = self.padding
        return waves[:, left : waves.shape[-1] - right].to(self.gain.device) / self.gain


def crossed_over(low: Wave, high: Wave, cutoff: float) -> Wave:
    """The band of `low` below `cutoff` and that of `high` above it; `cutoff` is in cycles per sample."""
    below = torch.fft.rfftfreq(low.shape[-1], device=low.device) <= cutoff
    return torch.fft.irfft(torch.where(below, torch.fft.rfft(low), torch.fft.rfft(high)), n=low.shape[-1])
