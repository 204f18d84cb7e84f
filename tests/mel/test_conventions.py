"""A convention is a value: it is checked, compared, stored and found by name."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from audiodiff.errors import ConfigError
from audiodiff.experiment.config import build, compose_config, config_dir
from audiodiff.mel import ALIASES, CONVENTIONS, MelSpec, convention, names_of
from audiodiff.mel.conventions import families

HIFIGAN = convention("hifigan_22k")
ALIAS_NAMES = {alias for aliases in ALIASES.values() for alias in aliases}


@pytest.mark.parametrize("spec", CONVENTIONS.values(), ids=CONVENTIONS)
def test_spec_survives_json(spec):
    assert MelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_convention_is_a_choice_of_the_config(name):
    node = compose_config("train", [f"mel={name}"]).mel
    assert build(node) == CONVENTIONS[name]
    assert {"sample_rate", "n_fft", "win_length", "hop_length", "n_mels"} <= node.keys()
    defaults = {field.name: field.default for field in fields(MelSpec)}
    assert all(value != defaults[key] for key, value in node.items() if key != "_target_")


def test_a_field_of_a_convention_can_be_changed():
    config = compose_config("train", ["mel=hifigan_22k", "mel.f_max=null"])
    assert build(config.mel) == replace(HIFIGAN, f_max=None)
    assert build(config.model).mel == replace(HIFIGAN, f_max=None)


def test_no_convention_has_a_file_beside():
    """But for what generators draw and sound themselves, which is no front-end of anybody's."""
    assert {path.stem for path in (config_dir() / "mel").glob("*.yaml")} == {"words_8k", "words_16k"}


def test_families_part_the_conventions():
    members = [name for names in families().values() for name in names]
    assert sorted(members) == sorted(set(CONVENTIONS) - ALIAS_NAMES)
    assert families()["hifigan_22k"] == ("hifigan_22k", "tacotron2_22k", "nemo_22k", "nemo_22k_before_2025_07")


def test_names_of_a_convention_include_its_aliases():
    assert names_of(HIFIGAN)[0] == "hifigan_22k"
    assert set(names_of(HIFIGAN)) == {"hifigan_22k", *ALIASES["hifigan_22k"]}
    assert names_of(replace(HIFIGAN, hop_length=200)) == ()


def test_half_the_sample_rate_is_said_in_one_way():
    assert replace(HIFIGAN, f_max=11025.0) == replace(HIFIGAN, f_max=None)
    assert replace(HIFIGAN, f_max=None).f_top == 11025


def test_spec_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        HIFIGAN.n_mels = 100


WRONG = {
    "f_max": (12000.0, "half of sample_rate"),
    "f_min": (9000.0, "f_min"),
    "hop_length": (255, "odd"),
    "win_length": (2048, "does not fit"),
    "n_fft": (1023, "n_fft"),
    "n_mels": (0, "above 0"),
    "sample_rate": (22050.0, "whole number"),
    "mel_scale": ("bark", "'slaney', 'htk'"),
    "mel_norm": ("htk", "'slaney', None"),
    "power": (1.5, "power"),
    "log_base": (10, "log_base"),
    "floor": (0.0, "silence"),
    "gain": (0.0, "gain"),
    "shift": ((0.0, 1.0), "2 values for 80 bands"),
    "scale": (0.0, "not 0"),
    "range": ((1.0, 0.0), "lowest, highest"),
    "framing": ("left", "'center', 'same'"),
    "pad_mode": ("replicate", "pad_mode"),
    "stft_norm": ("ortho", "stft_norm"),
    "last_frame": ("double", "last_frame"),
    "magnitude_floor": (-1.0, "magnitude_floor"),
    "htk_corner": (1050.0, "belongs to mel_scale"),
    "floor_mode": ("max", "'clamp', 'add'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_impossible_spec_is_refused_in_words(name):
    value, words = WRONG[name]
    with pytest.raises(ConfigError, match=words):
        replace(HIFIGAN, **{name: value})


def test_a_floor_that_is_added_is_not_0():
    with pytest.raises(ConfigError, match="needs a floor"):
        replace(HIFIGAN, floor=0.0, silence=0.0, floor_mode="add")


def test_hop_may_not_skip_samples():
    with pytest.raises(ConfigError, match="skips samples"):
        replace(HIFIGAN, hop_length=2000)


@pytest.mark.parametrize("values", [{"n_bands": 80}, {"n_mels": 80}])
def test_dictionary_that_is_no_spec_is_refused(values):
    with pytest.raises(ConfigError):
        MelSpec.from_dict(values)


def test_unknown_name_gets_the_nearest_ones():
    with pytest.raises(ConfigError, match="did you mean hifigan_22k"):
        convention("hifigan_22")
