"""What a stream is made of: each part in pieces is the part as a whole."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.audio.stft import Stft
from audiodiff.mel import MelSpec, MelSpectrogram
from audiodiff.networks import KeepToMel, MagnitudeNetwork
from audiodiff.noise import NOISE_BLOCK, SampleNoise
from audiodiff.phase.griffin_lim import extrapolated, with_magnitudes
from audiodiff.phase.iterations import GriffinLimIterations
from audiodiff.phase.low_band import LowBand
from audiodiff.phase.mel_constraint import MelConstraint
from audiodiff.phase.running_griffin_lim import ADVANCE, RunningGriffinLim
from audiodiff.priors import MelInversion
from audiodiff.streaming.finish_stream import FinishStream
from audiodiff.streaming.frame_buffer import FrameBuffer
from tests.tiny_voices import HIFIGAN, mel_of

SPECS = {
    "same": HIFIGAN,
    "center": MelSpec(sample_rate=22050, n_fft=1024, win_length=1024, hop_length=256, n_mels=80),
    "odd hop": MelSpec(sample_rate=24000, n_fft=2048, win_length=1200, hop_length=300, n_mels=80),
    "half overlap": MelSpec(sample_rate=16000, n_fft=512, win_length=512, hop_length=256, n_mels=40),
}


def magnitudes(channels: int = 8, layers: int = 6) -> MagnitudeNetwork:
    network = MagnitudeNetwork(mel=HIFIGAN, channels=channels, layers=layers, dilation_cycle=4)
    torch.nn.init.normal_(network.stack.output.weight, std=0.05)
    return network


@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5))
@torch.no_grad()
def test_a_stack_block_by_block_is_the_stack(sizes):
    network, mel = magnitudes(), mel_of(sum(sizes))[None]
    stream = network.blockwise()
    rows = [stream.feed(piece, last=False) for piece in mel.split(sizes, dim=-1)]
    assert sum(map(len, rows)) == max(0, sum(sizes) - network.frame_radius)
    rows.append(stream.feed(mel[..., :0], last=True))
    assert_close(torch.cat(rows).mT, network(mel)[0], rtol=1e-4, atol=1e-6)


@settings(max_examples=4, deadline=None)
@given(frames=st.integers(1, 150), size=st.integers(3, 90))
def test_a_mean_in_pieces_is_the_mean_bit_by_bit(frames, size):
    prior, mel = MelInversion(mel=HIFIGAN, magnitudes=magnitudes(), iterations=4), mel_of(frames)[None]
    with torch.no_grad():
        means = prior.means()
        waves = [means.feed(piece) for piece in mel.split(size, dim=-1)]
        assert all(wave.shape[1] % 256 == 0 for wave in waves)
        assert sum(wave.shape[1] for wave in waves) >= 256 * (frames - means.lag)
        whole = torch.cat([*waves, means.flush()], dim=-1)
    assert whole.shape == (1, 256 * frames)
    assert_close(whole, prior.condition(mel).mean, rtol=0, atol=0)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("frames", [1, 2, ADVANCE, 2 * ADVANCE + 1, 75])
def test_running_griffin_lim_fits_every_framing(name, frames):
    """From the right magnitudes it finds a waveform with nearly these, as long as the frames."""
    spec = SPECS[name]
    stft, constraint = Stft(spec), MelConstraint(spec)
    n = torch.arange(frames * spec.hop_length)
    wave = (0.3 * torch.sin(0.05 * n + 1e-5 * n**2)).unsqueeze(0)
    wanted = stft(wave).abs()
    bands = constraint.filters @ wanted.pow(constraint.power)
    running = RunningGriffinLim(stft, constraint, 60)
    parts = [running.feed(wanted[0].mT[:20], bands[0].mT[:20]), running.feed(wanted[0].mT[20:], bands[0].mT[20:])]
    found = torch.cat([*parts, running.flush()]).unsqueeze(0)
    assert found.shape == wave.shape
    inside = slice(2, -2) if frames > 4 else slice(None)
    error = (stft(found).abs() - wanted)[..., inside].norm() / wanted[..., inside].norm()
    assert error < 0.35


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("frames", "known"), [(1, 1), (9, 0), (20, 13)])
def test_rounds_in_place_are_rounds_of_griffin_lim(name, frames, known):
    """Written down plainly: Perraudin et al. 2013, alg. 2, on frames that overlap with what is there already."""
    stft, constraint = Stft(SPECS[name]), MelConstraint(SPECS[name])
    draw = torch.Generator().manual_seed(0)
    size, overlap = (frames, stft.bins), (stft.segments - 1) * stft.hop_length
    magnitudes, bands = torch.rand(size, generator=draw), torch.rand(frames, len(constraint.filters), generator=draw)
    spectrum = torch.randn(size, generator=draw, dtype=torch.complex64)
    consistent = torch.randn(known, stft.bins, generator=draw, dtype=torch.complex64)
    past, gain = torch.randn(overlap, generator=draw), torch.rand(overlap + frames * stft.hop_length, generator=draw)
    trusts = [torch.full((frames, 1), trust) for trust in (0.6, 0.9)]
    expected, before = spectrum.clone(), consistent
    for trust in trusts:
        wave = stft.overlapped(torch.fft.irfft(expected, n=stft.n_fft) * stft.window, past) * gain
        now = torch.fft.rfft(wave.unfold(0, stft.n_fft, stft.hop_length) * stft.window)
        before = torch.cat([before, now[len(before) :]])
        wanted = constraint.by_frames(torch.lerp(magnitudes, now.abs(), trust), bands)
        expected, before = torch.sgn(now + 0.99 * (now - before)) * wanted, now
    window = spectrum, consistent, magnitudes, bands
    found, last = GriffinLimIterations(stft, constraint, frames)(*window, trusts, 0.99, past, gain)
    assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert_close(last, before, rtol=1e-3, atol=1e-3)


def test_running_griffin_lim_is_as_good_as_the_whole(clip):
    spec = HIFIGAN
    stft, constraint = Stft(spec), MelConstraint(spec)
    wave = clip[: 150 * 256].unsqueeze(0)
    mel, wanted = MelSpectrogram(spec)(wave)[..., :150], stft(wave).abs()
    bands = constraint.bands(mel)
    phases = torch.polar(torch.ones_like(wanted), 6.28 * torch.rand_like(wanted))
    whole = _revised_griffin_lim(wanted, phases, stft, constraint, bands)
    running = RunningGriffinLim(stft, constraint, 32)
    found = torch.cat([running.feed(wanted[0].mT, bands[0].mT), running.flush()]).unsqueeze(0)
    errors = [((stft(x).abs() - wanted).norm() / wanted.norm()).item() for x in (whole, found)]
    assert errors[1] < 1.1 * errors[0]


def _revised_griffin_lim(estimate, phases, stft, constraint, bands, iterations=32):
    """Fast Griffin-Lim on a whole recording, which strives for what `RunningGriffinLim` strives for."""
    wave, previous = stft.inverse(estimate * phases), None
    for done in range(1, iterations + 1):
        now = stft(wave)
        step = now if previous is None else extrapolated(previous, now, 0.99)
        wanted = constraint(torch.lerp(estimate, now.abs(), (1 + done / iterations) / 2), bands)
        wave, previous = stft.inverse(with_magnitudes(step, wanted)), now
    return wave


def test_noise_at_a_place_is_a_piece_of_the_draw():
    noise = SampleNoise([3, 4])
    first, second = (noise(torch.empty(2, 3 * NOISE_BLOCK)) for _ in range(2))
    for start, stop in [
        (0, 0),
        (0, 5),
        (NOISE_BLOCK - 1, NOISE_BLOCK + 1),
        (7, 3 * NOISE_BLOCK),
        (2 * NOISE_BLOCK,) * 2,
    ]:
        assert_close(noise.at(0, start, stop), first[:, start:stop], rtol=0, atol=0)
        assert_close(noise.at(1, start, stop), second[:, start:stop], rtol=0, atol=0)


def test_a_tape_is_addressed_by_absolute_frame():
    buffer = FrameBuffer(4)
    buffer.append(torch.arange(40.0))
    buffer.forget(6)
    buffer.append(torch.arange(40.0, 60.0))
    assert (buffer.start, buffer.end) == (6, 15)
    assert_close(buffer.read(7, 12), torch.arange(28.0, 48.0))
    assert buffer.read(9, 9).numel() == 0
    with pytest.raises(AssertionError):
        buffer.read(5, 7)


@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8), late=st.integers(0, 9))
def test_a_finish_in_pieces_is_the_finish(sizes, late):
    """Whatever the pieces, and however far the waveform is behind the mel; in float64, where rounding is no excuse."""
    finish, frames = a_finish(), sum(sizes)
    mel, waves = mel_of(frames)[None].double(), 0.1 * torch.randn(2, 256 * frames).double()
    given_mel = FrameBuffer(1)
    stream, rows, ends = FinishStream(finish, given_mel, 256), [], [0]
    for piece in mel.split(sizes, dim=-1):
        given_mel.append(piece)
        ends.append(max(0, given_mel.end - late))
        rows.append(stream.feed(waves[:, 256 * ends[-2] : 256 * ends[-1]]))
        assert stream.done >= given_mel.end - stream.lag_behind(late)
        given_mel.forget(before=stream.needed)
    rows.append(stream.feed(waves[:, 256 * ends[-1] :], last=True))
    assert_close(torch.cat(rows, dim=1), finish(waves, mel.expand(2, -1, -1)), rtol=0, atol=1e-9)


def test_a_stage_does_little_twice(monkeypatch):
    """The iterations see what lies around their own frames, not all that the finish looks at."""
    seen, forward = [], LowBand.forward

    def counted(low: LowBand, wave: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append(wave.shape[1] // 256)
        return forward(low, wave, *rest)

    monkeypatch.setattr(LowBand, "forward", counted)
    finish, given_mel, mel = a_finish(), FrameBuffer(1), mel_of(240)[None].double()
    stream = FinishStream(finish, given_mel, 256)
    for piece in mel.split(8, dim=-1):
        given_mel.append(piece)
        stream.feed(0.1 * torch.randn(1, 256 * 8).double())
    around = -(-finish.low.reach // 256)
    assert len(seen) > 10
    assert max(seen[5:]) <= 8 + 2 * around < 2 * finish.mel_radius


def a_finish() -> KeepToMel:
    torch.manual_seed(0)
    finish = KeepToMel(mel=HIFIGAN, onsets=8, rounds=2, iterations=4, share=0.8, postfilter=4)
    torch.nn.init.normal_(finish.onsets.stack.output.weight, std=0.3)
    torch.nn.init.normal_(finish.postfilter.said.weight)
    torch.nn.init.constant_(finish.postfilter.decided[2].bias, 1.0)
    return finish.double().eval().requires_grad_(False)
