"""The convolutions in C compute what the network computes."""

import copy
import shutil

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from audiodiff.engine.gains.fast_gains import FastGains
from audiodiff.engine.gains.gain_kernel import GainKernel, PackedGains, gain_kernel
from audiodiff.errors import ConfigError
from audiodiff.networks import SpectralGainNetwork
from tests.networks.test_networks import batch
from tests.tiny_voices import HIFIGAN, VOICES, mel_of

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
T = torch.tensor([0.3, 0.8])


def network(**options: int) -> SpectralGainNetwork:
    """A network whose output layer is not zero."""
    torch.manual_seed(3)
    made = SpectralGainNetwork(mel=HIFIGAN, step_channels=8, **options)
    torch.nn.init.normal_(made.output.weight, std=0.1)
    return made.eval()


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("frames", [1, 9])
@pytest.mark.parametrize("channels", [5, 16, 40])
@pytest.mark.parametrize(("together", "layers"), [(1, 1), (2, 3), (3, 2), (2, 0)])
@torch.no_grad()
def test_same_function(together, layers, channels, frames, threads, monkeypatch):
    """Channels that fill no vector, places and frames that fill no tile, more threads than frames, and a batch."""
    plain = network(together=together, layers=layers, channels=channels)
    x_t, cond = batch(2, frames)
    expected = plain(x_t, T, cond)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert expected.std() > 1e-4
    assert_close(FastGains(plain)(x_t, T, cond) / expected.std(), expected / expected.std(), rtol=1e-5, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6, 7, 8, 9, 33])
@pytest.mark.parametrize("bins", [1, 2, 5, 7, 10, 93, 96, 97, 105, 194])
@torch.no_grad()
def test_every_shape_is_as_near_as_its_transform_allows(bins, frames, threads, monkeypatch):
    """What lies around the arrays is NaN to the function, and what it does not own stays as it is."""
    plain, around = network(channels=32, layers=6), 64
    plain.relative.advance, plain.relative.place = plain.relative.advance[:bins], plain.relative.place[:bins]
    state = torch.Generator().manual_seed(bins)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)

    def amid(dtype: torch.dtype, value: float) -> tuple[Tensor, Tensor]:
        """Frames of bins, and the memory that they lie in."""
        memory = torch.full([2 * around + frames * bins], value, dtype=dtype)
        return memory[around:-around].view(frames, bins), memory

    rows = [amid(dtype, torch.nan)[0] for dtype in (torch.complex64, torch.complex64, torch.float32, torch.float32)]
    for row in rows:
        row.copy_(torch.randn(frames, bins, dtype=row.dtype, generator=state))
    for row in rows[2:]:
        row.mul_(0.3).exp_()
    step, (found, memory) = torch.randn(8, generator=state), amid(torch.complex64, 7.0)
    kernel = gain_kernel()
    kernel.write(found, plain, PackedGains.of(plain, kernel.wide), plain.step(step), 0.8, *rows)
    assert (memory[:around] == 7).all()
    assert (memory[-around:] == 7).all()
    wide = [row[None].to(torch.complex128 if row.is_complex() else torch.float64) for row in rows]
    kept = torch.full([1, 1, 1], 0.8, dtype=torch.float64)
    exact = copy.deepcopy(plain).double().found(step[None].double(), kept, *wide)[0]
    size = exact.std() if exact.numel() > 1 else exact.abs()
    assert_close(found.to(exact) / size, exact / size, rtol=0, atol=2e-5)


@needs_compiler
@torch.no_grad()
def test_under_autocast_it_is_as_exact():
    plain, (x_t, cond) = network(channels=8, layers=2), batch(2, 3)
    expected = FastGains(plain)(x_t, T, cond)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(FastGains(plain)(x_t, T, cond), expected)


@needs_compiler
@torch.no_grad()
def test_weights_that_change_are_packed_anew():
    plain = network(channels=8, layers=2)
    fast, (x_t, cond) = FastGains(plain), batch(2, 3)
    before = fast(x_t, T, cond)
    plain.layers[1].weight.mul_(2)
    assert (fast(x_t, T, cond) - before).abs().max() > 1e-4 * before.abs().max()
    assert_close(fast(x_t, T, cond), plain(x_t, T, cond), rtol=1e-4, atol=1e-5)


@needs_compiler
def test_where_it_is_not_for_the_network_itself_is_called(monkeypatch):
    """With gradients, and in double precision."""
    monkeypatch.setattr(GainKernel, "found", lambda self, *given: pytest.fail("called"))
    plain = network(channels=8, layers=2)
    x_t, cond = batch(2, 3)
    expected = plain(x_t, T, cond)
    assert torch.equal(FastGains(plain)(x_t, T, cond), expected)
    with torch.no_grad():
        double = FastGains(plain.double())(x_t.double(), T.double(), cond.to(dtype=torch.float64))
    assert_close(double.float(), expected, rtol=1e-4, atol=1e-5)


@needs_compiler
def test_vocoder_compiles(monkeypatch):
    voice, mel, runs = VOICES["source_filter"](), mel_of(11), []
    expected = voice(mel, spec=HIFIGAN)
    plain = GainKernel.found
    monkeypatch.setattr(GainKernel, "found", lambda self, *given: runs.append(1) or plain(self, *given))
    made = voice.compile()(mel, spec=HIFIGAN)
    assert runs
    assert_close(made, expected, rtol=0, atol=1e-5)


def test_without_a_compiler_it_says_so(monkeypatch):
    gain_kernel.cache_clear()
    voice = VOICES["source_filter"]().compile()
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ConfigError, match="no-such-compiler is not there"):
        voice(mel_of(3), spec=HIFIGAN)
