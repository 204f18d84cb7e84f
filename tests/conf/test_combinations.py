"""A choice of one group that does not fit an experiment is refused in one sentence, before data are read."""

import pytest

from audiodiff.errors import ConfigError
from audiodiff.experiment.config import build
from audiodiff.experiment.dry_run import build_features, build_objective
from audiodiff.experiment.run import build_model, composed
from audiodiff.experiment.settings import settings_in_words
from audiodiff.training.glottal_features import GlottalFeatures, SourceFilterFeatures
from audiodiff.training.model_features import MelFeatures
from tests.conf.matrix import combinations, fine, outcomes, set_up, smaller

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own

EVERY = 67
"""A prime number, so that the part that is tried here meets every experiment and every group."""


def test_every_combination_runs_or_is_refused():
    """`python -m tests.conf.matrix` tries all of them; the counts are in docs/training.md."""
    part = combinations()[::EVERY]
    assert {one.experiment for one in part} == {one.experiment for one in combinations()}
    found = list(outcomes(part))
    counts = {kind: sum(outcome == kind for _, outcome, _ in found) for kind in ("run", "refused", "crashed")}
    print(counts)
    assert counts["run"] > 0 < counts["refused"]
    assert not [(str(one), said) for one, outcome, said in found if outcome == "crashed"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["experiment=ljspeech_diffwave", "network=spectral_gains"], "prior=source_filter"),
        (["experiment=ljspeech_residual", "network=mel_generator"], "prior=mel_latent"),
        (["experiment=ljspeech_diffwave", "network.sees_mean=true"], "prior's mean"),
        (["experiment=ljspeech_diffwave", "network.outputs=2"], "network.outputs=1"),
        (["experiment=ljspeech_diffwave", "objective=generative"], "GenerativeModel"),
        (["experiment=ljspeech_diffwave", "data=fsdd_clips"], "ClipData"),
        (["experiment=ljspeech_fast", "features=glottal"], "leave out features="),
        (["experiment=ljspeech_fast", "features=clips"], "DiffusionModel"),
        (["experiment=ljspeech_diffwave", "+network.constrained=true"], "no setting constrained"),
        (["experiment=fsdd_digits", "network=whitened_diffwave"], "network that is chosen has not"),
        (["experiment=vctk_fast", "grid=explicit"], "explicit has no setting n_steps"),
        (["experiment=fsdd_fast", "data.segment=12"], "raise data.segment"),
    ],
)
def test_what_does_not_fit_is_said_in_the_words_of_the_settings(overrides, said):
    def attempt() -> None:
        config = composed(["init_from=null", *overrides])
        smaller(config)
        with settings_in_words(lambda: config):
            set_up(config)

    with pytest.raises(ConfigError, match=said):
        attempt()


@pytest.mark.parametrize(
    ("experiment", "kind"),
    [
        ("ljspeech_diffwave", MelFeatures),
        ("fsdd_digits_magnitudes", MelFeatures),
        ("ljspeech_source", GlottalFeatures),
        ("ljspeech_filter", GlottalFeatures),
        ("ljspeech_fast", SourceFilterFeatures),
    ],
)
def test_features_follow_from_the_objective(experiment, kind):
    config = composed([f"experiment={experiment}", "init_from=null"])
    smaller(config)
    model = build_model(config)
    features = build_features(config, model, build_objective(config, model))
    assert type(features) is kind


def test_a_generator_learns_from_clips():
    config = composed(["experiment=fsdd_digits", "init_from=null"])
    smaller(config)
    model = build(config.model)
    assert type(build_features(config, model, build_objective(config, model))).__name__ == "ClipFeatures"


def test_what_a_class_cannot_take_is_said_without_the_type_of_its_error():
    with pytest.raises(ConfigError, match="timedelta cannot take the settings") as refused, settings_in_words():
        build({"_target_": "datetime.timedelta", "days": [1]})
    assert fine(str(refused.value))
