"""CLAP of transformers itself, with tiny random weights, as what a generator is told by."""

import json

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import ConfigError
from audiodiff.integrations.clap import ClapEmbedder
from tests.generators import tiny_generator

transformers = pytest.importorskip("transformers", reason="needs transformers")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clap")
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "Ġdog", "Ġcat"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    extractor = transformers.ClapFeatureExtractor(feature_size=64, max_length_s=1, truncation="rand_trunc")
    transformers.ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    text = {"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    audio = {"depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16, "hidden_size": 32}
    config = transformers.ClapConfig(
        text_config=text | {"intermediate_size": 16},
        audio_config=audio | {"num_hidden_layers": 2},
        projection_dim=12,
    )
    torch.manual_seed(0)
    transformers.ClapModel(config).save_pretrained(folder)
    return ClapEmbedder(folder=folder)


def test_text_and_audio_have_one_space(embedder):
    text = embedder.text(["a dog", "a cat a"])
    audio = embedder(torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)), 8000)
    assert text.shape == audio.shape == (2, embedder.size) == (2, 12)
    assert_close(text.norm(dim=1), torch.ones(2))
    assert_close(audio.norm(dim=1), torch.ones(2))


def test_generator_is_told_by_text(embedder):
    generator = tiny_generator(embedding_size=embedder.size)
    waves = generator(embedding=embedder.text(["a dog", "a a"]), label=0, speaker=0)
    assert waves.shape == (2, 1600)


def test_folder_without_a_model(tmp_path):
    with pytest.raises(ConfigError, match="holds no CLAP model"):
        ClapEmbedder(folder=tmp_path)
