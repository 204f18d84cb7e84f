"""What holds for a whole clip reaches every network, and can be left untold."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.conditioning import NOTHING, Conditioning
from audiodiff.errors import ConfigError
from audiodiff.networks import ClipEmbedding, DiffWave, MelGenerator
from audiodiff.networks.embeddings import StepEmbedding


def clip():
    return ClipEmbedding(channels=8, n_labels=3, n_speakers=2, embedding_size=4)


NETWORKS = {
    "diffwave": lambda: DiffWave(
        n_mels=None, hop_length=256, channels=4, layers=2, embedding=StepEmbedding(n_steps=50, channels=8), clip=clip()
    ),
    "diffwave with mel": lambda: DiffWave(
        n_mels=80, hop_length=256, channels=4, layers=2, embedding=StepEmbedding(n_steps=50, channels=8), clip=clip()
    ),
    "mel_generator": lambda: MelGenerator(n_mels=16, channels=8, layers=2, step_channels=8, clip=clip()),
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS)
def call(request):
    """A network of random weights as a function of what it is told of two clips."""
    torch.manual_seed(0)
    network = request.param()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x, mel = torch.randn(2, 1024), torch.randn(2, 80, 4)
    return lambda **told: network(x, torch.tensor([0.3, 0.6]), Conditioning(mel=mel, **told))


TOLD = {
    "label": torch.tensor([0, 2]),
    "speaker": torch.tensor([1, 0]),
    "embedding": torch.tensor([[1.0, 0, 0, 0], [0, 0, 2.0, 0]]),
}


@pytest.mark.parametrize("name", TOLD)
def test_every_network_hears_it(call, name):
    assert not torch.allclose(call(**{name: TOLD[name]}), call(), atol=1e-4)
    assert not torch.allclose(call(**{name: TOLD[name]}), call(**{name: TOLD[name].flip(0)}), atol=1e-4)


@pytest.mark.parametrize("untold", [{"label": torch.full((2,), NOTHING)}, {"embedding": torch.zeros(2, 4)}], ids=str)
def test_told_nothing_is_not_told(call, untold):
    assert_close(call(**untold), call())


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"label": torch.tensor([0, 3])}, "expected 0 to 2"),
        ({"label": torch.tensor([0, -2])}, "expected 0 to 2"),
        ({"embedding": torch.ones(2, 5)}, "embedding of 5 numbers, the network was built for 4"),
    ],
    ids=str,
)
def test_what_was_never_learnt_is_refused(call, told, words):
    with pytest.raises(ConfigError, match=words):
        call(**told)


@pytest.mark.parametrize(("told", "words"), [("speaker", "a speaker"), ("embedding", "built for none")])
def test_what_the_network_has_no_ears_for_is_refused(told, words):
    with pytest.raises(ConfigError, match=words):
        ClipEmbedding(channels=8, n_labels=3)(torch.zeros(2, 8), Conditioning(**{told: TOLD[told]}))


def test_dropping_forgets_together_and_alone():
    torch.manual_seed(0)
    n, p = 20_000, 0.2
    full = Conditioning(
        mel=torch.ones(1, 2, 2), label=torch.zeros(n).long(), speaker=torch.ones(n).long(), embedding=torch.ones(n, 4)
    )
    dropped = full.dropped(p)
    gone = torch.stack([dropped.label == NOTHING, dropped.speaker == NOTHING, (dropped.embedding == 0).all(dim=1)])
    assert_close(gone.float().mean(dim=1), torch.full((3,), p + (1 - p) * p), rtol=0.05, atol=0.0)
    assert_close(gone.all(dim=0).float().mean(), torch.tensor(p + (1 - p) * p**3), rtol=0.05, atol=0.0)
    assert dropped.mel is full.mel
    assert full.dropped(0.0) is full


def test_anonymous_keeps_the_mel():
    told = Conditioning(mel=torch.ones(1, 2, 2), **TOLD).anonymous()
    assert told.mel is not None
    assert (told.label, told.speaker, told.embedding) == (None, None, None)


def test_moving_keeps_labels_whole():
    moved = Conditioning(label=TOLD["label"], embedding=TOLD["embedding"]).to("cpu", torch.float16)
    assert moved.label.dtype == torch.long
    assert moved.embedding.dtype == torch.float16
