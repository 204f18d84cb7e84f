"""The kernel in C computes what the network computes."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.diffusion import SAMPLERS, uniform
from audiodiff.engine import CallsInTiles, FastDiffWave, accelerated
from audiodiff.engine.diffwave import c_kernel, support, tile_pass
from audiodiff.engine.diffwave.c_kernel import CompiledBlock, Kernel, PanelWeights, compiled_kernel
from audiodiff.engine.diffwave.packed_weights import PackedBlock, packed
from audiodiff.engine.precision import capabilities
from audiodiff.errors import ConfigError
from audiodiff.noise import SampleNoise
from audiodiff.streaming import synthesize
from tests.engine.diffwave.networks import KINDS, T, inputs, network
from tests.engine.diffwave.test_tiles import model_of
from tests.engine.test_vocoder import HIFIGAN, mel_of, vocoder

FEW = pytest.param(
    torch.bfloat16,
    marks=pytest.mark.skipif(
        not capabilities().get("avx512_bf16", False), reason="needs a processor with AVX-512 BF16"
    ),
)
DTYPES = [torch.float32, FEW]
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("channels", [16, 48, 64, 128])
@pytest.mark.parametrize("rows", [1, 11, 12, 13, 95, 97, 500])
def test_block(channels, rows, threads, dtype, monkeypatch):
    """Groups of rows, strips, and what is left over; with a mel and without; loud enough to saturate some gates."""
    weights, block = packed(network("plain", channels=channels), dtype), compiled_kernel(dtype)
    part, state = weights.blocks[3], torch.Generator().manual_seed(rows)
    d, bias = part.dilation, torch.randn(2 * channels, generator=state)
    seen = 9 * torch.randn(rows + 2 * d, 2 * channels, generator=state)
    mel = torch.randn(rows, 2 * channels, generator=state).to(dtype)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    for shown in (None, mel):
        out = torch.empty(rows, 2 * channels)
        begin = None if shown is None else lambda out, bias=None: mel
        CompiledBlock(block, channels, rows, d)(PanelWeights.of(weights, block).blocks[3], bias, begin, seen, out)
        added = out - seen[d : d + rows]
        expected = written_out(part, bias, 0 if shown is None else mel, seen)
        assert expected.std() > 0.1
        tolerance = 1e-2 if dtype == torch.bfloat16 else 3e-5
        assert_close(added.double(), expected, rtol=0, atol=tolerance * expected.std().item() + 1e-6)


def written_out(part: PackedBlock, bias: Tensor, mel: Tensor | int, seen: Tensor) -> Tensor:
    """What a block adds to the state, with the same factors in double precision."""
    channels, d, dtype = len(bias) // 2, part.dilation, part.taps.dtype
    x = seen[:, :channels].to(dtype).double()
    rows = len(x) - 2 * d
    halves = bias.double() + mel + sum(x[i * d : i * d + rows] @ part.taps[i].double() for i in range(3))
    a, b = halves.chunk(2, dim=1)
    return -(a.sigmoid() * (b / 2).tanh()).to(dtype).double() @ part.output.double()


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_gate(dtype):
    """Nothing overflows however loud it is, and small values are kept."""
    channels, values = 16, torch.tensor([0.0, 1e-6, -1e-6, 0.3, -2.0, 8.0, -50.0, 1e3, -1e30, 1e30])
    a, b = torch.cartesian_prod(values, values).T
    rows = len(a)
    mel = torch.cat([a[:, None].expand(-1, channels), 2 * b[:, None].expand(-1, channels)], dim=1).to(dtype)
    weights, block = packed(network("plain", channels=channels), dtype), compiled_kernel(dtype)
    zero, minus = torch.zeros(3, channels, 2 * channels), -torch.eye(channels, 2 * channels)
    plain = replace(weights.blocks[0], taps=zero.to(dtype), output=minus.to(dtype))
    plain = PanelWeights.of(replace(weights, blocks=[plain]), block).blocks[0]
    out = torch.empty(rows, 2 * channels)
    seen, bias = torch.zeros(rows + 2, 2 * channels), torch.zeros(2 * channels)
    CompiledBlock(block, channels, rows, 1)(plain, bias, lambda out, bias=None: mel, seen, out)
    a, b = mel.double().chunk(2, dim=1)
    precision = 5e-3 if dtype == torch.bfloat16 else 1e-6
    assert_close(out[:, :channels].double(), a.sigmoid() * (b / 2).tanh(), rtol=precision, atol=1e-7)
    assert (out[:, channels:] == 0).all()


@needs_compiler
@pytest.mark.parametrize("tile", [1, 13, 2048])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 3, 17])
@torch.no_grad()
def test_same_function(kind, frames, tile, monkeypatch):
    monkeypatch.setattr(tile_pass, "TILE", tile)
    plain = network(kind, channels=32)
    assert support.supports(plain, "c") is None
    x_t, cond = inputs(frames, told=kind == "told")
    expected = plain(x_t, T, cond)
    loud = expected.abs().max().clamp_min(1)
    assert_close(FastDiffWave(plain, native=True)(x_t, T, cond) / loud, expected / loud, rtol=1e-5, atol=2e-6)


@needs_compiler
@pytest.mark.parametrize("dtype", [FEW])
@pytest.mark.parametrize("tile", [13, 2048])
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_bfloat16_is_no_worse_than_autocast(kind, tile, dtype, monkeypatch):
    monkeypatch.setattr(tile_pass, "TILE", tile)
    plain = network(kind, channels=32)
    x_t, cond = inputs(9, told=kind == "told")
    exact = plain(x_t, T, cond)
    with torch.autocast("cpu", dtype):
        theirs, ours = plain(x_t, T, cond).float(), FastDiffWave(plain, native=True)(x_t, T, cond)
    error, usual = (ours - exact).norm() / exact.norm(), (theirs - exact).norm() / exact.norm()
    assert 1e-4 < error < 2e-2
    assert error < 1.2 * usual


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sampler", SAMPLERS)
@torch.inference_mode()
def test_waveform_does_not_depend_on_the_tiles(sampler, dtype, monkeypatch):
    plain = model_of(network("plain", channels=16))
    model, mel = accelerated(plain, native=True), inputs(17)[1].need_mel()[:1]
    options = {"sampler": SAMPLERS[sampler], "times": uniform(model.denoiser.schedule, 3)}
    expected = plain.generate(mel, **options, noise=SampleNoise([1]))
    for tile in (64, 2048):
        monkeypatch.setattr(tile_pass, "TILE", tile)
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            wave = next(synthesize(model, mel, **options, noise=[SampleNoise([1])]))
        tolerance = 5e-2 if dtype == torch.bfloat16 else 1e-4
        assert_close(wave, expected, rtol=0, atol=tolerance * expected.std().item())


@needs_compiler
def test_vocoder_compiles(monkeypatch):
    voice, mel, runs = vocoder(channels=16), mel_of(11), []
    expected = voice(mel, spec=HIFIGAN)
    plain = Kernel.__call__
    monkeypatch.setattr(Kernel, "__call__", lambda self, *args: runs.append(1) or plain(self, *args))
    made = voice.compile()(mel, spec=HIFIGAN)
    assert runs
    assert_close(made, expected, rtol=0, atol=1e-5)


def test_without_a_compiler_it_says_so(monkeypatch):
    c_kernel.compiled_kernel.cache_clear()
    voice: Vocoder = vocoder(channels=16).compile()
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
    assert "8 channels" in support.supports(network("plain", channels=8), "c")
    assert "float64" in support.supports(network("plain", channels=16).double(), "c", torch.float64)
    monkeypatch.setattr(support, "capabilities", dict)
    assert "no instructions" in support.supports(network("plain", channels=16), "c", torch.bfloat16)


@needs_compiler
def test_memory_is_the_processors_whatever_device_is_the_default():
    plain = network("plain", channels=16)
    calls = CallsInTiles(plain, packed(plain, torch.float32), 2)
    with torch.device("meta"):
        block, buffer = CompiledBlock(compiled_kernel(torch.float32), 16, 8, 4), calls._buffer()
    assert {tensor.device.type for tensor in (block._x, block._mel, buffer)} == {"cpu"}
