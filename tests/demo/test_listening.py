"""What is heard, and how it is judged."""

from random import Random

import numpy as np
import pytest
import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import Bundle
from audiodiff.demo.digits import strung
from audiodiff.demo.limits import Limits
from audiodiff.demo.listening import Tally, Trial
from audiodiff.demo.spectrograms import comparison_pictures
from audiodiff.demo.takes import Settings, Take, pcm, takes
from audiodiff.errors import ConfigError
from audiodiff.vocoder import Vocoder
from tests.trees import TINY_TREE


@pytest.fixture(scope="module")
def vocoder():
    torch.manual_seed(0)
    tree = canonical(TINY_TREE)
    return Vocoder(
        Bundle(name="tiny", model=build(tree["model"]).eval(), sampler=build(tree["sampler"]), grid=build(tree["grid"]))
    )


MEL = torch.full((80, 20), -4.0)


@pytest.mark.parametrize("settings", [Settings(), Settings(sampler="heun", steps=3), Settings(seed=7, steps=1)])
def test_every_step_is_heard_and_the_last_is_what_the_vocoder_gives(vocoder, settings):
    *earlier, last = takes(vocoder, MEL, settings, Limits())
    assert last.n_steps == len(last.states) == len(earlier) + 1 == (settings.steps or 4)
    assert last.done
    assert not any(take.done for take in earlier)
    options = {"sampler": settings.sampler, "n_steps": settings.steps, "seed": settings.seed}
    np.testing.assert_array_equal(last.wave, pcm(vocoder(MEL, spec=vocoder.mel_spec, **options)))
    assert "RTF" in str(last)
    short = last.without_history()
    assert (len(short.states), str(short)) == (1, str(last))
    np.testing.assert_array_equal(short.wave, last.wave)
    assert last.duration == 20 * 256 / 22050


def test_the_time_that_nobody_waits_for_the_network_does_not_count(vocoder):
    import time

    walk = takes(vocoder, MEL, Settings(), Limits())
    next(walk)
    time.sleep(1.0)
    *_, last = walk
    assert 0 < last.elapsed < 1.0


@pytest.mark.parametrize("settings", [Settings(steps=51), Settings(steps=-1), Settings(sampler="magic")])
def test_settings_that_are_not_served_are_refused(vocoder, settings):
    with pytest.raises(ConfigError, match="choose"):
        next(takes(vocoder, MEL, settings, Limits()))


def test_samples_are_clipped_not_wrapped():
    assert pcm(torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [-32768, -32768, 0, 16384, 32767, 32767]


def test_clips_are_strung_with_pauses():
    joined = strung(torch.ones(2, 10), 10)
    assert joined.tolist() == [1.0] * 10 + [0.0] * 2 + [1.0] * 10 + [0.0] * 2


def take(value):
    return Take(states=(np.full(4, value, np.int16),), taken=1, n_steps=1, sample_rate=4, elapsed=0.1)


def trial(**options):
    return Trial((Settings(steps=1), Settings(steps=2)), (take(1), take(2)), **options)


@pytest.mark.parametrize(
    ("b_first", "choice", "tally"),
    [
        (False, "first", Tally(a=1)),
        (False, "second", Tally(b=1)),
        (True, "first", Tally(b=1)),
        (True, "second", Tally(a=1)),
        (True, "same", Tally(same=1)),
    ],
)
def test_a_vote_counts_for_what_was_played(b_first, choice, tally):
    one = trial(b_first=b_first)
    assert Tally().vote(one, choice) == tally
    assert tally.vote(one.after_vote(), choice) == tally, "what is known is not blind"
    first, second = (played.wave[0] for played in one.played())
    assert (first, second) == ((2, 1) if b_first else (1, 2))
    assert one.revealed().startswith(f"The first was {'B' if b_first else 'A'}")


def test_orders_are_drawn_evenly_and_opened_for_a_vote():
    random = Random(0)
    drawn = [trial().after_vote().shuffled(random) for _ in range(1000)]
    assert 450 < sum(one.b_first for one in drawn) < 550
    assert not any(one.voted for one in drawn)


@pytest.mark.parametrize(
    ("tally", "chance"), [(Tally(), 1.0), (Tally(a=1), 1.0), (Tally(a=5), 2 / 32), (Tally(b=5, same=9), 2 / 32)]
)
def test_the_sign_test_is_exact(tally, chance):
    assert tally.chance == pytest.approx(chance)


def test_pictures_lie_in_the_html_and_silence_can_be_drawn():
    html = comparison_pictures(np.zeros(3000, np.int16), np.zeros(3000, np.int16), 22050)
    assert html.count('src="data:image/png;base64,') == 6
    assert "http" not in html
