"""What only a GPU can show: `pytest tests/engine/diffwave/gpu/test_cuda.py` is the first thing to run on one."""

from threading import Thread

import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import SAMPLERS
from audiodiff.engine import RecordedModel
from audiodiff.engine.diffwave.gpu import FusedDiffWave
from audiodiff.engine.diffwave.gpu.recording import recorded
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.noise import SampleNoise
from tests.engine.diffwave.gpu.voices import vocoder
from tests.engine.diffwave.networks import network
from tests.tiny_voices import HIFIGAN, mel_of

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # torch's own, where it imports its compiler
]
CUDA = torch.device("cuda")
T = torch.tensor([0.2, 0.7])
KINDS = ["plain", "with_mean", "with_variance", "unconditional"]


@pytest.fixture(autouse=True)
def exact_convolutions(monkeypatch):
    """cuDNN's products have 10 bits unless it is told otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def questions(n_mels: int, frames: int = 40, hop: int = 30) -> tuple[torch.Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(frames)
    x_t, mean = torch.randn(2, 2, hop * frames, generator=generator)
    cond = Conditioning(mel=torch.randn(2, n_mels, frames, generator=generator), mean=mean)
    return x_t.to(CUDA), cond.to(CUDA)


@pytest.mark.parametrize("channels", [16, 32, 64, 128])
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_kernel_is_the_network(kind, channels):
    options = {} if kind == "unconditional" else {"n_mels": 80}
    plain = network(kind, channels=channels, layers=12, dilation_cycle=10, **options).to(CUDA)
    x_t, cond = questions(80)
    expected = plain(x_t, T.to(CUDA), cond)
    assert_close(
        FusedDiffWave(plain)(x_t, T.to(CUDA), cond) / expected.std(), expected / expected.std(), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("channels", [16, 32, 64, 128])
@torch.inference_mode()
def test_bfloat16_is_no_worse_than_autocast(channels):
    plain = network("plain", channels=channels, layers=12, dilation_cycle=10, n_mels=80).to(CUDA)
    x_t, cond = questions(80)
    exact = plain(x_t, T.to(CUDA), cond)
    with torch.autocast("cuda", torch.bfloat16):
        theirs, ours = plain(x_t, T.to(CUDA), cond).float(), FusedDiffWave(plain)(x_t, T.to(CUDA), cond)
    error, usual = (ours - exact).norm() / exact.norm(), (theirs - exact).norm() / exact.norm()
    assert ours.dtype == torch.float32
    assert 1e-5 < error < 1.2 * usual


def base() -> Vocoder:
    """The paper's BASE with random weights, on the GPU."""
    return vocoder(channels=64, layers=30, dilation_cycle=10).to(CUDA)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_graph_is_the_sampler_step_by_step(sampler):
    voice, options = vocoder().to(CUDA).compile(), {"spec": HIFIGAN, "seed": 3, "sampler": sampler}
    for frames in (50, 90, 50):  # recorded, recorded, replayed
        plan = {"sampler": voice.sampler(sampler), "times": voice.times(), "noise": SampleNoise([3])}
        with torch.no_grad():
            *_, stepwise = DiffusionModel.steps(voice._fast, mel_of(frames)[None].to(CUDA), **plan)
        assert_close(voice(mel_of(frames), **options), stepwise[0], rtol=0, atol=1e-5)
        *_, last = voice.each_step(mel_of(frames), **options)
        assert_close(last, stepwise[0], rtol=0, atol=1e-5)
    assert isinstance(voice._fast, RecordedModel)
    assert len(voice._fast._recordings) == 4


@pytest.mark.parametrize(("precision", "tolerance"), [("float", 1e-4), ("bfloat16", 5e-2)])
def test_a_list_through_graphs_is_each_mel_through_the_module(precision, tolerance):
    """Beside float32 without compiling, in units of a waveform's standard deviation."""
    some, seeds = [mel_of(n, n) for n in (33, 70, 64, 100, 5)], [1, 2, 3, 4, 5]
    plain = base()
    expected = [plain(mel, spec=HIFIGAN, seed=seed) for mel, seed in zip(some, seeds, strict=True)]
    made = getattr(base(), precision)().compile()(some, spec=HIFIGAN, seed=seeds)
    for wave, other in zip(made, expected, strict=True):
        assert wave.shape == other.shape
        assert ((wave - other).norm() / other.norm()) < tolerance


def test_threads_wait_for_each_other():
    voice, options = vocoder().to(CUDA).compile(), {"spec": HIFIGAN}
    expected = [voice(mel_of(40, seed), seed=seed, **options) for seed in range(8)]
    made: dict[int, torch.Tensor] = {}

    def work(seed: int) -> None:
        with torch.cuda.stream(torch.cuda.Stream()):
            made[seed] = voice(mel_of(40, seed), seed=seed, **options)

    threads = [Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(8):
        assert_close(made[seed], expected[seed], rtol=0, atol=1e-5)


def test_a_recorded_run_is_replayed():
    x, total = torch.zeros(2, 4, device=CUDA)
    replay = recorded(lambda: total.add_(x), CUDA)
    before = total.clone()
    x.fill_(2.0)
    replay()
    assert_close(total, before + 2, rtol=0, atol=0)


def test_streams_run_in_fused_blocks(monkeypatch):
    voice, mel = vocoder().to(CUDA).compile(), mel_of(60)
    expected = voice(mel, spec=HIFIGAN, seed=7)
    monkeypatch.setattr(DiffWave, "forward", lambda *_: pytest.fail("the module was called"))
    stream = voice.stream(seed=7, spec=HIFIGAN)
    wave = torch.cat([*(stream.feed(piece) for piece in mel.split(13, dim=1)), stream.flush()])
    assert_close(wave, expected, rtol=0, atol=1e-5)
