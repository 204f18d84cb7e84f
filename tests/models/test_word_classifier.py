"""The judge learns, survives the disk, and refuses files that hold none."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from torch.testing import assert_close

from audiodiff.errors import InputError
from audiodiff.evaluation.contact_sheet import contact_sheet
from audiodiff.mel import MelSpec
from audiodiff.models.word_classifier import WordClassifier, accuracy, load_classifier, save_classifier

MEL = MelSpec(sample_rate=8000, n_fft=320, win_length=320, hop_length=80, n_mels=16, floor=1e-3)


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return WordClassifier(mel=MEL, labels=["low", "high"], channels=(4, 8), features=8, dropout=0.0)


def tones(n):
    """Noisy low and high tones in turn, [n, 1600], and which they are."""
    labels = torch.arange(n) % 2
    frequency = torch.where(labels == 0, 300.0, 1800.0).unsqueeze(1)
    wave = torch.sin(2 * torch.pi * frequency * torch.arange(1600) / 8000)
    return 0.1 * wave + 0.01 * torch.randn(n, 1600), labels


def test_classifier_learns_two_tones(classifier):
    waves, labels = tones(64)
    optimizer = torch.optim.Adam(classifier.parameters(), 0.01)
    for _ in range(30):
        loss = F.cross_entropy(classifier(waves), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert accuracy(classifier.judge(tones(20)[0])[1], tones(20)[1]) == 1


def test_answer_depends_on_neither_batch_nor_loudness(classifier):
    waves, _ = tones(6)
    classifier.eval()
    assert_close(classifier.judge(waves, batch=4), classifier.judge(waves, batch=6), rtol=1e-4, atol=1e-5)
    assert_close(classifier(waves[:1] / 2), classifier(waves)[:1], rtol=0.1, atol=0.1)


def test_classifier_survives_the_disk(tmp_path, classifier):
    waves, _ = tones(4)
    save_classifier(tmp_path / "judge.safetensors", classifier.eval())
    again = load_classifier(tmp_path / "judge.safetensors")
    assert again.labels == ("low", "high")
    assert_close(again(waves), classifier(waves), rtol=0.01, atol=0.01)


@pytest.mark.parametrize("content", ["missing", "text", "other"])
def test_file_that_is_no_classifier(tmp_path, content):
    path = tmp_path / "judge.safetensors"
    if content == "text":
        path.write_text("no weights")
    if content == "other":
        save_file({"x": torch.ones(2)}, path)
    with pytest.raises(InputError, match="is not a classifier"):
        load_classifier(path)


@pytest.mark.parametrize("n", [1, 3, 11])
def test_contact_sheet_has_a_tile_for_each_clip(n):
    figure = contact_sheet(tones(n)[0], 8000, [f"clip {i}" for i in range(n)])
    assert [axes.get_title() for axes in figure.axes] == [f"clip {i}" for i in range(n)]
