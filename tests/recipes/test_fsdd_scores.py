"""The scripts of recipes/fsdd run from end to end on a corpus of tones and a generator that was never trained."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from audiodiff.audio import save_audio
from audiodiff.data import Utterance, write_manifest
from audiodiff.models.word_classifier import WordClassifier, save_classifier
from tests.generators import LABELS, MEL, SPEAKERS, tiny_bundle, tiny_model

RECIPE = Path(__file__).parents[2] / "recipes" / "fsdd"


def script(path):
    """A recipe's script as a module."""
    spec = importlib.util.spec_from_file_location(f"recipe_{path.replace('/', '_')}", RECIPE / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """60 tones in each split."""
    folder = tmp_path_factory.mktemp("corpus")
    torch.manual_seed(0)
    made = []
    for i in range(60):
        path = folder / f"{i}.wav"
        tone = torch.sin(torch.arange(1200) * (0.2 + 0.4 * (i % 3)))
        save_audio(path, 0.2 * tone + 0.02 * torch.randn(1200), 8000)
        request = {"text": LABELS[i % 3], "speaker": SPEAKERS[i % 2]}
        made.append(Utterance(id=f"{i:02d}", path=path, duration=0.15, sample_rate=8000, **request))
    for split in ("train", "valid", "test"):
        write_manifest(folder / f"{split}.jsonl", made)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A generator's bundle and a judge."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    model = tiny_model()
    save_classifier(folder / "judge.safetensors", WordClassifier(mel=model.mel, labels=LABELS, channels=(4, 4)).eval())
    return str(tiny_bundle(folder / "tiny")), str(folder / "judge.safetensors")


def run(module, monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
    module.main()
    return capsys.readouterr().out


def test_scores_of_a_generator(corpus, models, tmp_path, monkeypatch, capsys):
    model, judge = models
    asked = ["--model", model, "--classifier", judge, "--data", corpus, "--guidance", 0, 2, "-n", 12]
    printed = run(script("score"), monkeypatch, capsys, *asked, "--guide", judge, "--guide-scale", 5, "-o", tmp_path)
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:]] == [
        *(
            "| test recordings",
            "| test, mel and back",
            "| white noise",
            "| guidance 0",
            "| guidance 2",
            "| classifier 5",
        )
    ]
    assert "nearest training clip of guidance 2" in printed
    assert (tmp_path / "sweep.png").is_file()
    assert (tmp_path / "nearest.png").is_file()


def test_scores_of_edits(corpus, models, tmp_path, monkeypatch, capsys):
    edits = script("edits")
    monkeypatch.setattr(edits, "GAP", (600, 900))
    asked = [
        "--model",
        models[0],
        "--classifier",
        models[1],
        "--data",
        corpus,
        "--every",
        8,
        "--steps",
        2,
        "-o",
        tmp_path,
    ]
    printed = run(edits, monkeypatch, capsys, *asked)
    assert printed.count("nothing done") == 4
    assert "half-way in the latent" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("denoise0.png", "denoise10.png", "extend.png", "inpaint.png")
    ]


@pytest.mark.parametrize("noisy", [False, True])
def test_classifier_learns_the_tones(corpus, noisy):
    train = script("classifier/train")
    torch.manual_seed(0)
    model = tiny_model()
    classifier = WordClassifier(mel=model.mel, labels=LABELS, channels=(8, 8), features=16)
    waves, labels = train.load_split(model, corpus, "train")
    many = torch.cat([classifier.mel(waves)] * 8), labels.repeat(8)
    train.train(classifier, *many, epochs=6, noisy=noisy)
    assert train.accuracy(classifier.judge(waves)[1], labels) > 0.9


def test_shift_and_noise_keep_the_shape():
    train = script("classifier/train")
    mel = torch.randn(4, MEL["n_mels"], 20)
    for noisy in (False, True):
        assert train.augmented(mel, -1.0, noisy=noisy).shape == mel.shape
    assert train.augmented(mel, -0.5, noisy=True).min() >= -0.5
