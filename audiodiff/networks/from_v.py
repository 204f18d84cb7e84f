"""An estimate of x_0 that begins with the noise that is there."""

from torch import Tensor, nn

from audiodiff.diffusion import Schedule, VPrediction
from audiodiff.types import Time, Wave


class FromV(nn.Module):
    """x_0 from a network's v: (alpha x_t - sigma v) / (alpha² + sigma²) (Salimans & Ho 2022, section 4).

    `VPrediction` inside of the network, for what is done there to the estimate of x_0. A network that says nothing
    returns a part of x_t, so that noise which is right already passes; on a schedule that ends in pure noise it
    does so in no first step.
    """

    def __init__(self, *, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def forward(self, v: Tensor, x_t: Wave, t: Time) -> Tensor:
        """The estimate that follows from `v` [batch, samples] at the times `t` [batch]."""
        return VPrediction().x0(v, x_t, t, self.schedule)
