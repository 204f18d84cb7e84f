"""Recordings of single words made alike: cut to what sounds, of one loudness, in the middle of a fixed length."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.errors import AudioError
from audiodiff.types import Samples

Clip = Float[Tensor, " samples"]

WORD_BLOCK: Samples = 80
QUIET = 10 ** (-30 / 20)
"""Blocks this much quieter than the loudest one count as silence at the ends."""
_PEAK = 0.95


def word_clip(wave: Clip, *, length: Samples, level: float) -> Clip:
    """Return `length` samples with the word of `wave` in their middle, at the root mean square `level` while it lasts.

    Silence at both ends is cut in blocks of `WORD_BLOCK` samples, one quiet block being kept; of a longer word the
    loudest `length` samples stay. `level` gives way where peaks would pass 0.95. Raises `AudioError` for silence.
    """
    word = _loudest(_trimmed(wave - wave.mean()), length)
    word = word * (level / loudness(word))
    word = word * (_PEAK / word.abs().max()).clamp(max=1)
    missing = length - len(word)
    return F.pad(word, (missing // 2, missing - missing // 2))


def loudness(wave: Clip) -> Float[Tensor, ""]:
    """The root mean square of what `word_clip` takes for the word; raises `AudioError` for silence."""
    level = _trimmed(wave).square().mean().sqrt()
    if not level > 0:
        raise AudioError(f"the clip of {len(wave)} samples is silent: expected a spoken word")
    return level


def _trimmed(wave: Clip) -> Clip:
    blocks = F.pad(wave, (0, -len(wave) % WORD_BLOCK)).reshape(-1, WORD_BLOCK)
    energy = blocks.square().mean(dim=1).sqrt()
    sounding = (energy > QUIET * energy.max()).nonzero().flatten().tolist() or [0]
    return wave[max(0, sounding[0] - 1) * WORD_BLOCK : (sounding[-1] + 2) * WORD_BLOCK]


def _loudest(wave: Clip, length: Samples) -> Clip:
    if len(wave) <= length:
        return wave
    energy = F.pad(wave.double().square().cumsum(0), (1, 0))
    start = int((energy[length:] - energy[:-length]).argmax())
    return wave[start : start + length]
