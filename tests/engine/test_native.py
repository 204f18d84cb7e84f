"""The kernel in C computes what the engine does in bfloat16."""

import shutil

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.diffusion import SAMPLERS, uniform
from audiodiff.engine import FastDiffWave, accelerated, walk
from audiodiff.engine.native import Fused, InPanels, Kernel, compiled_kernel, kernel, suits
from audiodiff.engine.native.weights import panels
from audiodiff.engine.packed import PackedBlock, packed
from audiodiff.errors import ConfigError
from audiodiff.noise import SampleNoise
from audiodiff.streaming import vocoded
from tests.engine.networks import KINDS, T, inputs, network
from tests.engine.test_tiles import model_of
from tests.engine.test_vocoder import HIFIGAN, mel_of, vocoder

here = torch.cpu.get_capabilities().get("avx512_bf16", False) if hasattr(torch.cpu, "get_capabilities") else False
needs_processor = pytest.mark.skipif(not here, reason="needs a processor with AVX-512 BF16")
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


@pytest.fixture(scope="module")
def block() -> Kernel:
    return compiled_kernel()


@needs_processor
@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("channels", [16, 48, 64, 128])
@pytest.mark.parametrize("rows", [1, 11, 12, 13, 95, 97, 500])
def test_block(channels, rows, threads, block, monkeypatch):
    """Groups of rows, strips, and what is left over; with a mel and without; loud enough to saturate some gates."""
    weights = packed(network("plain", channels=channels), torch.bfloat16)
    part, state = weights.blocks[3], torch.Generator().manual_seed(rows)
    d, bias = part.dilation, torch.randn(2 * channels, generator=state)
    seen = 9 * torch.randn(rows + 2 * d, 2 * channels, generator=state)
    mel = torch.randn(rows, 2 * channels, generator=state).bfloat16()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    for shown in (None, mel):
        out = torch.empty(rows, 2 * channels)
        begin = None if shown is None else lambda out, bias=None: mel
        Fused(block, channels, rows, d)(InPanels.of(weights, block).blocks[3], bias, begin, seen, out)
        added = out - seen[d : d + rows]
        expected = written_out(part, bias, 0 if shown is None else mel, seen)
        assert expected.std() > 0.1
        assert_close(added.double(), expected, rtol=0, atol=1e-2 * expected.std().item())


def written_out(part: PackedBlock, bias: Tensor, mel: Tensor | int, seen: Tensor) -> Tensor:
    """What a block adds to the state, with the same factors in double precision."""
    channels, d = len(bias) // 2, part.dilation
    x = seen[:, :channels].bfloat16().double()
    rows = len(x) - 2 * d
    halves = bias.double() + mel + sum(x[i * d : i * d + rows] @ part.taps[i].double() for i in range(3))
    a, b = halves.chunk(2, dim=1)
    return -(a.sigmoid() * (b / 2).tanh()).bfloat16().double() @ part.output.double()


@needs_processor
@needs_compiler
def test_gate(block):
    """Nothing overflows however loud it is, and small values are kept."""
    channels, values = 16, torch.tensor([0.0, 1e-6, -1e-6, 0.3, -2.0, 8.0, -50.0, 1e3, -1e30, 1e30])
    a, b = torch.cartesian_prod(values, values).T
    rows = len(a)
    mel = torch.cat([a[:, None].expand(-1, channels), 2 * b[:, None].expand(-1, channels)], dim=1).bfloat16()
    zero, one = torch.zeros(3 * channels, 2 * channels), -torch.eye(channels, 2 * channels)
    taps, output = (panels(m.bfloat16().unflatten(1, (1, 2, 16))) for m in (zero, one))
    seen, out = torch.zeros(rows + 2, 2 * channels), torch.empty(rows, 2 * channels)
    x = torch.empty(rows + 2, channels, dtype=torch.bfloat16)
    block(rows, 1, channels, seen, mel, torch.zeros(2 * channels), taps, output, x, out)
    a, b = mel.double().chunk(2, dim=1)
    assert_close(out[:, :channels].double(), a.sigmoid() * (b / 2).tanh(), rtol=5e-3, atol=1e-7)
    assert (out[:, channels:] == 0).all()


@needs_processor
@needs_compiler
@pytest.mark.parametrize("tile", [13, 2048])
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_bfloat16_is_no_worse_than_autocast(kind, tile, monkeypatch):
    monkeypatch.setattr(walk, "TILE", tile)
    plain = network(kind, channels=32)
    assert suits(plain)
    x_t, cond = inputs(9, told=kind == "told")
    exact = plain(x_t, T, cond)
    with torch.autocast("cpu", torch.bfloat16):
        theirs, ours = plain(x_t, T, cond).float(), FastDiffWave(plain, native=True)(x_t, T, cond)
    error, usual = (ours - exact).norm() / exact.norm(), (theirs - exact).norm() / exact.norm()
    assert 1e-4 < error < 2e-2
    assert error < 1.2 * usual


@needs_processor
@needs_compiler
@pytest.mark.parametrize("sampler", SAMPLERS)
@torch.inference_mode()
def test_waveform_does_not_depend_on_the_tiles(sampler, monkeypatch):
    """Each row is computed in the same order wherever it lies."""
    model, mel = accelerated(model_of(network("plain", channels=16)), native=True), inputs(17)[1].need_mel()[:1]
    options = {"sampler": SAMPLERS[sampler], "times": uniform(model.denoiser.schedule, 3)}
    waves = []
    for tile in (64, 2048):
        monkeypatch.setattr(walk, "TILE", tile)
        with torch.autocast("cpu", torch.bfloat16):
            waves.append(vocoded(model, mel, **options, noise=[SampleNoise([1])]))
    assert_close(*waves, rtol=0, atol=2e-2 * waves[0].std().item())


@needs_processor
@needs_compiler
def test_vocoder_compiles_for_bfloat16_only(monkeypatch):
    voice, mel, runs = vocoder(channels=16), mel_of(11), []
    plain = Kernel.__call__
    monkeypatch.setattr(Kernel, "__call__", lambda self, *args: runs.append(1) or plain(self, *args))
    exact = voice.compile()(mel, spec=HIFIGAN)
    assert not runs
    rough = voice.bfloat16()(mel, spec=HIFIGAN)
    assert runs
    assert 0 < (rough - exact).norm() < 2e-2 * exact.norm()


@needs_processor
def test_without_a_compiler_it_says_so(monkeypatch):
    kernel.compiled_kernel.cache_clear()
    voice: Vocoder = vocoder(channels=16).compile().bfloat16()
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ConfigError, match="no-such-compiler is not there"):
        voice(mel_of(3), spec=HIFIGAN)
    monkeypatch.setenv("CC", "false")
    with pytest.raises(ConfigError, match="cannot compile the engine: false"):
        voice(mel_of(3), spec=HIFIGAN)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="needs a C compiler"):
        voice(mel_of(3), spec=HIFIGAN)


def test_elsewhere_there_is_no_kernel(monkeypatch):
    assert not suits(network("plain", channels=8))
    assert not suits(network("plain", channels=16).double())
    monkeypatch.setattr(kernel, "capabilities", dict)
    assert not suits(network("plain", channels=16))
