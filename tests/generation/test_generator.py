"""A generator gives what it is asked for, or says why not."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.bundle.constructors import build
from audiodiff.bundle.location import bundle_folder
from audiodiff.diffusion import SAMPLERS
from audiodiff.errors import AudiodiffError, BundleError, ConfigError
from audiodiff.generation.generator import DEFAULT_GENERATOR, Generator, Guide
from audiodiff.generation.requests import ConditionRequest
from audiodiff.models.word_classifier import WordClassifier
from audiodiff.vocoder import Vocoder
from tests.generators import LABELS, tiny_bundle, tiny_generator, tree


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


def guide(generator, labels=LABELS):
    torch.manual_seed(1)
    return Guide(WordClassifier(mel=generator.model.mel, labels=labels, channels=(16, 16), features=32).eval(), 100.0)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_clip_is_the_same_alone_and_in_a_batch(generator, guidance):
    many = generator(label=[0, 1, 2], speaker="bob", guidance=guidance, seed=5)
    assert many.shape == (3, 1600)
    for i in range(3):
        assert_close(generator(label=i, speaker=1, guidance=guidance, seed=5 + i)[0], many[i], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changed",
    [{"label": 1}, {"speaker": "bob"}, {"guidance": 3.0}, {"seed": 1}, {"n_steps": 5}, {"sampler": "ancestral"}],
)
def test_everything_asked_for_changes_the_clip(generator, changed):
    asked = {"label": 0, "speaker": "ann"}
    assert not torch.allclose(generator(**asked), generator(**asked | changed), atol=1e-4)


def test_names_and_numbers_mean_the_same(generator):
    clips = [generator(label=label, speaker=0) for label in (2, "2", "two")]
    assert_close(clips[0], clips[1])
    assert_close(clips[0], clips[2])


def test_what_is_not_given_is_drawn_by_the_seed(generator):
    assert_close(generator(n=6, seed=3)[4:], generator(n=2, seed=7), rtol=1e-4, atol=1e-4)
    cond = generator.condition(ConditionRequest(), range(60))
    assert set(cond.label.tolist()) == {0, 1, 2}
    assert set(cond.speaker.tolist()) == {0, 1}


def test_guidance_of_zero_is_unconditional(generator):
    assert_close(generator(label=1, speaker=0, guidance=0.0), generator(unconditional=True), rtol=1e-4, atol=1e-4)


def test_classifier_pulls_the_estimate_towards_its_label(generator):
    ours, request = guide(generator), ConditionRequest(label=2, speaker=0)
    cond = generator.condition(request, range(8))
    x_t, t = torch.randn(8, 320, generator=torch.Generator().manual_seed(0)), torch.tensor(0.6, dtype=torch.float64)
    plain, pulled = (
        ours.classifier.of_mel(generator.model.mels(generator.denoise(cond, guide=guide)(x_t, t))).log_softmax(dim=1)
        for guide in (None, ours)
    )
    assert ((pulled - plain)[:, 2] > 0.001).all()
    assert not torch.allclose(generator(label=2, speaker=0), generator(label=2, speaker=0, guide=ours), atol=1e-4)


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"restart"}))
def test_every_sampler_generates(generator, name):
    assert generator(label=0, sampler=name, n_steps=4).isfinite().all()


def test_unconditional_model_takes_no_labels():
    generator = tiny_generator(told=False)
    assert generator(n=2).shape == (2, 1600)
    assert_close(generator(n=2), generator(n=2, unconditional=True))


def test_embedding_is_heard():
    generator = tiny_generator(embedding_size=4)
    one, two = torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.0, 1, 0, 0])
    asked = {"label": 0, "speaker": 0}
    assert not torch.allclose(generator(embedding=one, **asked), generator(embedding=two, **asked))
    both = generator(embedding=torch.stack([one, two]), **asked)
    assert_close(both[0], generator(embedding=one, **asked)[0], rtol=1e-4, atol=1e-4)


BAD = {
    "label out of range": ({"label": 3}, "choose 0 to 2"),
    "negative label": ({"label": -1}, "choose 0 to 2"),
    "unknown label": ({"label": "ten"}, "zero, one, two"),
    "one of many labels": ({"label": [0, 9]}, "no label 9"),
    "unknown speaker": ({"speaker": "eve"}, "ann, bob"),
    "label and unconditional": ({"label": 1, "unconditional": True}, "label for unconditional"),
    "speaker and unconditional": ({"speaker": 1, "unconditional": True}, "speaker for unconditional"),
    "guidance towards nothing": ({"unconditional": True, "guidance": 2.0}, "towards nothing"),
    "embedding without need": ({"embedding": torch.ones(4)}, "takes none"),
    "two numbers of clips": ({"label": [0, 1], "n": 3}, "one number"),
    "no clips": ({"n": 0}, "at least 1"),
    "no labels in the list": ({"label": []}, "at least 1"),
    "unknown sampler": ({"sampler": "magic"}, "no sampler"),
    "no steps": ({"n_steps": 0}, "step"),
}


@pytest.mark.parametrize(("asked", "words"), BAD.values(), ids=BAD)
def test_bad_request_is_refused(generator, asked, words):
    with pytest.raises(ConfigError, match=words):
        generator(**asked)


@pytest.mark.parametrize("asked", [{"label": 0, "guidance": 2.0}, {"unconditional": True}])
def test_model_trained_without_dropout_is_not_guided(asked):
    with pytest.raises(ConfigError, match="p_uncond 0"):
        tiny_generator(p_uncond=0.0)(**asked)


@pytest.mark.parametrize("embedding", [torch.ones(5), torch.ones(2, 3), torch.ones(1, 1, 4)])
def test_embedding_of_the_wrong_size_is_refused(embedding):
    with pytest.raises(ConfigError, match="the model takes"):
        tiny_generator(embedding_size=4)(embedding=embedding)


def test_model_of_embeddings_needs_one():
    with pytest.raises(ConfigError, match="needs an embedding of 4"):
        tiny_generator(embedding_size=4)()


def test_classifier_of_other_labels_is_no_guide(generator):
    with pytest.raises(ConfigError, match="own labels"):
        generator(label=0, guide=guide(generator, ["cat", "dog"]))


def test_bundle_survives_the_disk(tmp_path, generator):
    again = Generator.from_pretrained(tiny_bundle(tmp_path / "tiny"))
    assert (again.name, again.n_steps, again.sample_rate) == ("tiny", 3, 8000)
    assert_close(again(label=1, speaker=0), generator(label=1, speaker=0), rtol=0.02, atol=0.02)


def test_vocoder_refuses_a_generator(tmp_path):
    with pytest.raises(BundleError, match="audiodiff generate"):
        Vocoder.from_pretrained(tiny_bundle(tmp_path / "tiny"))


def test_generator_refuses_a_vocoder():
    with pytest.raises(BundleError, match="audiodiff vocode"):
        Generator.from_pretrained("ljspeech-fast")


@pytest.mark.parametrize(("settings", "words"), [({"length": 1601}, "whole number"), ({"p_uncond": 1.0}, "p_uncond 1")])
def test_impossible_model_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        build(tree()["model"] | settings)


def test_device_that_is_not_there(tmp_path):
    with pytest.raises(AudiodiffError, match="nonsense"):
        Generator.from_pretrained(tiny_bundle(tmp_path / "tiny"), device="nonsense")


def test_the_digits_that_ship_work_out_of_the_box():
    generator = Generator.from_pretrained()
    assert sum(file.stat().st_size for file in bundle_folder(DEFAULT_GENERATOR).iterdir()) < 10_000_000
    waves = generator(label="seven", speaker="theo", n=2, guidance=2.0, n_steps=4)
    assert waves.shape == (2, 4800)
    assert 0.02 < waves.square().mean().sqrt() < 0.2
    assert waves[:, 2000:2800].square().mean() > 5 * waves[:, :400].square().mean()
