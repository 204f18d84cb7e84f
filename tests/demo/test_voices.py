"""What a page offers, and how its tabs answer without a browser."""

import pytest
import soundfile

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import save_bundle
from audiodiff.bundle.location import DEFAULT_VOICE, shipped
from audiodiff.demo.limits import Limits
from audiodiff.demo.voices import load_generator, load_voices, makes_clips, shipped_vocoders, voice_named
from audiodiff.errors import BundleError, ConfigError
from tests.generators import tiny_generator
from tests.trees import TINY_TREE


@pytest.fixture
def bundle(tmp_path):
    return str(save_bundle(tmp_path / "a", "tiny", TINY_TREE, build(canonical(TINY_TREE)["model"]), card=""))


def test_the_voices_that_ship_are_offered_the_default_first():
    voices = load_voices([], "cpu")
    assert next(iter(voices)) == DEFAULT_VOICE
    assert set(voices) == set(shipped_vocoders()) == {name for name in shipped() if not makes_clips(name)}


def test_only_what_is_offered_can_be_chosen(bundle):
    voices = load_voices([bundle], "cpu")
    assert voice_named(voices, "tiny").name == "tiny"
    for name in (bundle, DEFAULT_VOICE, "../tiny", ""):
        with pytest.raises(ConfigError, match="choose one of tiny"):
            voice_named(voices, name)


def test_two_voices_of_one_name_and_missing_ones_are_refused(bundle):
    with pytest.raises(ConfigError, match="two models"):
        load_voices([bundle, bundle], "cpu")
    with pytest.raises(BundleError, match="no model"):
        load_voices(["nothing"], "cpu")


def test_the_generator_is_offered_where_its_bundle_ships():
    generator = load_generator("cpu")
    assert (generator is not None) == ("fsdd-digits" in shipped())


@pytest.mark.parametrize(("steps", "clips", "fine"), [(50, 16, True), (51, 1, False), (1, 17, False), (1, 0, False)])
def test_limits_hold(steps, clips, fine):
    limits = Limits()
    if fine:
        limits.check_steps(steps)
        limits.check_clips(clips)
        return
    with pytest.raises(ConfigError, match="choose 1 to"):
        limits.check_steps(steps), limits.check_clips(clips)


@pytest.mark.filterwarnings("default")  # Gradio's dependencies warn of each other
def test_clips_are_generated_one_after_the_other():
    pytest.importorskip("gradio", reason="needs gradio (pip install 'audiodiff[demo]')")
    from audiodiff.demo.page.generate_tab import GenerateTab

    generator = tiny_generator()
    (rate, wave), report, pictures = GenerateTab(generator, Limits()).generate("one", "any", 3, 1.0, 2, 0)
    assert rate == generator.sample_rate
    assert len(wave) == 3 * (generator.model.length + round(0.2 * rate))
    assert report.startswith("3 clips")
    assert pictures.count("<img") == 2


def test_the_page_generates_digits_if_it_can(served, tmp_path):
    from gradio_client import Client

    page = Client(served.address, verbose=False, download_files=str(tmp_path))
    path, report, _ = page.predict(label="seven", n=2, api_name="/generate")
    assert report.startswith("2 clips")
    assert soundfile.info(path).frames > 0
