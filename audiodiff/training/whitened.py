"""The simple objective as priors of shaped noise train it: in white units, and with an ear for the sound."""

import torch
from torch import Tensor

from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import l2, simple_weight, uniform_times
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.training.noising import DrawTimes, balanced, noised
from audiodiff.training.objective import Distance, Losses, Simple, Weight
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Mel, Wave


class Whitened(Simple):
    """The simple objective after a filter that evens out the mel's envelope, for every prior alike.

    loss = weight(t) · distance(W(output - target), 0) + `spectral` · multi-resolution STFT loss of the x_0 estimate
    against the recording, where W divides every STFT bin by envelope^`whitening`. 1 is SpecGrad's loss (Koizumi et
    al. 2022, section 3), which counts all frames and bands alike; 0 is `Simple`'s. Where the envelope is lower than
    `quietest`, as a standard deviation of white noise, it counts as that. Where the prior has a mean it may come with
    the batch.
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        whitening: float = 0.5,
        quietest: float = 0.003,
        spectral: float = 0.0,
        distance: Distance = l2,
        weight: Weight = simple_weight,
        times: DrawTimes = uniform_times,
    ) -> None:
        super().__init__(model=model, distance=distance, weight=weight, times=times)
        self.whitening = whitening
        self.quietest = quietest
        self.spectral = spectral
        self.spectral_loss = MultiResolutionStft()
        self.stft = Stft(model.mel)
        self.envelope = MelEnvelope(model.mel)

    def forward(self, wave: Wave, mel: Mel, mean: Wave | None = None) -> Losses:
        """All waves are [batch, hop_length · frames], `mel` is [batch, n_mels, frames]."""
        prior, denoiser = self.model.prior, self.model.denoiser
        cond = prior.condition(mel) if mean is None else Conditioning(mel=mel, mean=mean)
        noisy = noised(self.model, prior.encode(wave, cond), cond, self.times)
        output = denoiser.output(noisy.x_t, noisy.t, cond)
        wanted = denoiser.prediction.target(noisy.x_0, noisy.eps, noisy.t, denoiser.schedule)
        error = self.whiten(output - wanted, mel)
        distances = self.distance(error, torch.zeros_like(error))
        losses = self.weight(denoiser.schedule, denoiser.prediction, noisy.t) * distances
        regression = balanced(losses, noisy.t, self.times)
        if self.spectral == 0:
            return {"loss": regression}
        estimate = denoiser.prediction.x0(output, noisy.x_t, noisy.t, denoiser.schedule)
        spectral = self.spectral_loss(prior.decode(estimate, cond), wave)
        return {
            "loss": regression + self.spectral * spectral,
            "regression": regression.detach(),
            "spectral": spectral.detach(),
        }

    def whiten(self, wave: Wave, mel: Mel) -> Tensor:
        """Divide by the envelope to the power of `whitening`."""
        if self.whitening == 0:
            return wave
        std = (self.envelope(mel) / self.stft.noise_magnitude).clamp_min(self.quietest)
        return self.stft.inverse(self.stft(wave) * std.pow(-self.whitening))
