"""The objective of few steps with critics: what sampling says is to be taken for a recording."""

from torch import nn
from torch.func import functional_call

from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.training.discriminators import Critics, critic_loss, feature_matching, generator_loss
from audiodiff.training.objective import Losses
from audiodiff.training.unrolled import Unrolled
from audiodiff.types import Mel, Wave


class Adversarial(Unrolled):
    """`Unrolled` against critics that learn at the same time (PeriodWave-Turbo, Lee et al. 2024, stage two).

    loss = that of `Unrolled` + `adversarial` · (generator's + `matching` · feature matching) + the critics' own. The
    model's share sees the critics' weights as constants and the critics' share sees the waveform as one, so a single
    optimizer takes a step of both from one backward pass, and all that holds for an objective (resuming, several
    processes, averages, the guard) holds for this one. Critics live in checkpoints, not in bundles.
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        critics: Critics,
        steps: tuple[int, ...] = (1, 2, 4),
        spectral: float = 1.0,
        mels: float = 0.0,
        mel: float = 0.5,
        energy: float = 1.0,
        urgency: float = 8.0,
        excess: float = 1.0,
        onset_excess: float = 5.0,
        adversarial: float = 0.2,
        matching: float = 2.0,
    ) -> None:
        super().__init__(
            model=model,
            steps=steps,
            spectral=spectral,
            mels=mels,
            mel=mel,
            energy=energy,
            urgency=urgency,
            excess=excess,
            onset_excess=onset_excess,
        )
        self.critics: nn.Module = critics
        self.adversarial, self.matching = adversarial, matching

    def forward(self, wave: Wave, mel: Mel, mean: Wave) -> Losses:
        """Waves are [batch, hop_length · frames], `mel` is [batch, n_mels, frames]."""
        said, plain = self.said(wave, mel, mean)
        losses = self.compared(said, plain, wave, mel)
        said, wave = self.heard(said), self.heard(wave)
        real = self.critics(wave)
        critic = critic_loss(real, self.critics(said.detach()))
        fixed = {name: parameter.detach() for name, parameter in self.critics.named_parameters()}
        judged = functional_call(self.critics, fixed, (said,))
        fooled, matching = generator_loss(judged), feature_matching(real, judged)
        loss = losses["loss"] + self.adversarial * (fooled + self.matching * matching) + critic
        named = {"critic": critic, "generator": fooled, "matching": matching}
        return losses | {"loss": loss} | {name: value.detach() for name, value in named.items()}
