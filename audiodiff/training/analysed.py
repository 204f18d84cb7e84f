"""Recordings analysed once for every mel convention: closures, f0, and the waveform without its own all-pass."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from audiodiff.audio.framing import frame_centre
from audiodiff.audio.io import resample
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.source.all_pass import smooth_phase, without_phase
from audiodiff.source.closure_pitch import between_frames, closure_f0, track_f0
from audiodiff.source.glottis import Glottis, find_closures
from audiodiff.source.pitch_track import FRAME
from audiodiff.training.glottal_features import pulses_of
from audiodiff.training.source_filter_objectives import source_filter_prior
from audiodiff.types import Hertz

FULL = 32767.0
HELD_POWER = 1e-8
"""Power of the loudest frames, relative to the loudest band, above which a frequency counts as recorded."""
HISS = 900.0
"""f0 in hertz above which a pitch track of speech has found a hiss."""


@dataclass(frozen=True, eq=False)
class AnalysedRecording:
    """A waveform at its own rate, the instants of its closures in samples, and their f0 every `FRAME` seconds."""

    wave: Float[Tensor, " samples"]
    sample_rate: Hertz
    instants: Float[Tensor, " pulses"]
    f0: Float[Tensor, " frames"]
    bandwidth: float

    def save(self, path: Path) -> None:
        """Write it as safetensors, the waveform in 16 bits."""
        tensors = {
            "wave": (self.wave * FULL).round().clamp(-FULL, FULL).to(torch.int16),
            "instants": self.instants.double().contiguous(),
            "f0": self.f0.float().contiguous(),
            "numbers": torch.tensor([self.sample_rate, self.bandwidth], dtype=torch.float64),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path)

    @classmethod
    def load(cls, path: Path) -> "AnalysedRecording":
        """Read what `save` wrote."""
        tensors = load_file(path)
        rate, bandwidth = tensors["numbers"].tolist()
        wave = tensors["wave"].float() / FULL
        return cls(wave, int(rate), tensors["instants"], tensors["f0"], bandwidth)


def analyse(wave: Float[Tensor, " samples"], sample_rate: Hertz, reference: DiffusionModel) -> AnalysedRecording:
    """Find the closures of a recording and undo the smooth all-pass by which it differs from `reference`'s speech.

    `reference` is a voice with a `SourceFilter` prior: what its filter makes of the recording's pulses is how the
    recording would be in phase.
    """
    glottis = find_closures(wave.double().numpy(), sample_rate)
    instants = torch.from_numpy(glottis.instants)
    f0 = torch.from_numpy(closure_f0(glottis, sample_rate, np.arange(len(glottis.track.f0)) * FRAME))
    f0 = torch.where(f0 < HISS, f0, 0.0)
    if len(instants):
        wave = _equalized(wave, sample_rate, glottis, reference)
    peak = max(1.0, float(wave.abs().max()))
    return AnalysedRecording(wave / peak, sample_rate, instants, f0, bandwidth_of(wave, sample_rate))


@torch.no_grad()
def _equalized(wave: Tensor, sample_rate: Hertz, glottis: Glottis, reference: DiffusionModel) -> Tensor:
    spec, prior = reference.mel, source_filter_prior(reference)
    seen = resample(wave, sample_rate, spec.sample_rate) if sample_rate != spec.sample_rate else wave
    frames = len(seen) // spec.hop_length
    seen = seen[: frames * spec.hop_length]
    mel = MelSpectrogram(spec)(seen.unsqueeze(0))[..., :frames]
    centre = frame_centre(spec.n_fft, spec.hop_length, spec.framing)
    times = (np.arange(frames) * spec.hop_length + centre) / spec.sample_rate
    f0 = torch.from_numpy(track_f0(glottis, times, nearest=True)).float().unsqueeze(0)
    scaled = Glottis(glottis.instants * (spec.sample_rate / sample_rate), glottis.track, glottis.polarity)
    pulses = pulses_of(scaled, len(seen), spec.sample_rate)
    mean = prior.spoken(pulses.unsqueeze(0), mel, f0)
    recorded, expected = prior.stft(seen.unsqueeze(0))[0], prior.stft(mean)[0]
    voiced = (f0 > 0).repeat_interleave(recorded.shape[-1] // frames, dim=1)
    weight = voiced / prior.stft.noise_magnitude / (recorded.abs().square() + 1e-6)
    width = spec.sample_rate / prior.stft.n_fft
    return without_phase(wave, smooth_phase(recorded, expected, weight, width), width, sample_rate)


def bandwidth_of(wave: Float[Tensor, " samples"], sample_rate: Hertz) -> float:
    """The highest frequency that a recording holds."""
    spectrum = torch.stft(wave, 2048, 1024, window=torch.hann_window(2048), return_complex=True).abs().square()
    loud = spectrum.quantile(0.95, dim=1)
    held = (loud > HELD_POWER * loud.max()).nonzero()
    return float(held[-1]) * sample_rate / 2048 if len(held) else 0.0


def f0_every(recording: AnalysedRecording, times: Float[Tensor, " frames"]) -> Float[Tensor, " frames"]:
    """f0 at times in seconds, 0 where unvoiced."""
    return torch.from_numpy(between_frames(recording.f0.double().numpy(), times.double().numpy())).to(recording.f0)
