"""A generator learns, from clips that carry their ids."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio import save_audio
from audiodiff.conditioning import NOTHING
from audiodiff.data import Utterance, write_manifest
from audiodiff.data.clip_datamodule import ClipData
from audiodiff.data.clips import MemoryDataset, stacked
from audiodiff.diffusion import stratified_times
from audiodiff.errors import ConfigError, InputError
from audiodiff.training.generative import ClipFeatures, Generative
from tests.generators import LABELS, tiny_model

CLIP = Path(__file__).parents[1] / "clips" / "LJ001-0002.flac"


def utterance(path, **told):
    return Utterance(id=path.stem, path=path, duration=0.2, sample_rate=8000, **told)


@pytest.fixture
def folder(tmp_path):
    """Manifests of six tones."""
    torch.manual_seed(0)
    made = []
    for i in range(6):
        path = tmp_path / f"{i}.wav"
        save_audio(path, 0.3 * torch.sin(torch.arange(1200) * (0.1 + 0.1 * i)), 8000)
        made.append(utterance(path, text=LABELS[i % 3], speaker=["ann", "bob"][i % 2]))
    for split in ("train", "valid"):
        write_manifest(tmp_path / f"{split}.jsonl", made)
    return tmp_path


def test_data_gives_clips_with_their_ids(folder):
    data = ClipData(folder=str(folder), features=ClipFeatures(model=tiny_model()), batch_size=4)
    data.setup("fit")
    batch = next(iter(data.val_dataloader()))
    assert batch["wave"].shape == (4, 1600)
    assert batch["label"].tolist() == [0, 1, 2, 0]
    assert batch["speaker"].tolist() == [0, 1, 0, 1]
    assert len(next(iter(data.train_dataloader()))["label"]) == 4
    assert stacked(data.valid_set)["wave"].shape == (6, 1600)


def test_unconditional_model_gets_no_ids(folder):
    data = ClipData(folder=str(folder), features=ClipFeatures(model=tiny_model(told=False)))
    data.setup("fit")
    assert set(data.train_set[0]) == {"wave"}


@pytest.mark.parametrize("told", [{"text": "nine", "speaker": "ann"}, {"text": "one"}], ids=str)
def test_unknown_id_is_refused(told):
    with pytest.raises(InputError, match="the model knows"):
        MemoryDataset([utterance(CLIP, **told)], ClipFeatures(model=tiny_model()))


def test_embeddings_come_with_the_clips(folder):
    features = ClipFeatures(model=tiny_model(embedding_size=4), embed=lambda waves, rate: waves[:, :4] + rate)
    data = ClipData(folder=str(folder), features=features)
    data.setup("fit")
    assert data.train_set[0]["embedding"].shape == (4,)
    assert Generative(model=tiny_model(embedding_size=4))(**next(iter(data.val_dataloader())))["loss"].isfinite()


@pytest.mark.parametrize(("size", "embed"), [(4, None), (0, lambda waves, rate: waves)])
def test_embedding_and_embedder_come_together(size, embed):
    with pytest.raises(ConfigError, match=f"embedding_size {size}"):
        ClipFeatures(model=tiny_model(embedding_size=size), embed=embed)


def test_objective_learns_two_clips_and_leaves_the_prior_alone():
    torch.manual_seed(0)
    model = tiny_model().train()
    wave = 0.1 * torch.sin(torch.arange(1600) * torch.tensor([[0.2], [1.0]])).repeat(4, 1)
    told = {"label": torch.tensor([0, 1] * 4), "speaker": torch.tensor([0, 1] * 4)}
    objective = Generative(model=model, times=stratified_times)
    trainable = [p for p in objective.parameters() if p.requires_grad]
    assert {id(p) for p in trainable} == {id(p) for p in model.denoiser.parameters()}
    optimizer = torch.optim.Adam(trainable, 0.01)
    losses = []
    for _ in range(120):
        loss = objective(wave, **told)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])


def test_condition_is_dropped_as_the_model_says():
    seen = []
    model = tiny_model(p_uncond=0.5)
    model.denoiser.network.clip.register_forward_hook(lambda _, given, __: seen.append(given[1]))
    torch.manual_seed(0)
    Generative(model=model)(torch.randn(200, 1600), torch.zeros(200).long(), torch.zeros(200).long())
    assert_close((seen[0].label == NOTHING).float().mean(), torch.tensor(0.75), atol=0.1, rtol=0.0)
