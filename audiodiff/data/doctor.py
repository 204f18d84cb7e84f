"""The data doctor: what is wrong with the recordings of a corpus, before anything is trained on them."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from audiodiff.audio.decoding import real_path
from audiodiff.data.manifest import Utterance, read_manifest
from audiodiff.data.measurement import Measurement, measure
from audiodiff.data.recipe import audio_files
from audiodiff.errors import InputError
from audiodiff.errors.sentences import sentence
from audiodiff.types import Seconds

KINDS = {
    "unreadable": "cannot be decoded",
    "non_finite": "holds NaN or infinity",
    "silent": "is silence for the most part",
    "clipped": "has crests that are cut off",
    "too_loud": "rises far above full scale, as integers do that are taken for floats",
    "dc": "has a constant offset",
    "band_limited": "ends far below half its sample rate, as after upsampling or strong coding",
    "duplicate": "has the samples of another file",
    "too_short": "is shorter than wanted",
    "too_long": "is longer than wanted",
    "other_rate": "has another sample rate than most; resampled while training, so it is kept",
}
KEPT = frozenset({"other_rate"})
"""Findings that do not keep a recording out of a cleaned manifest."""


@dataclass(frozen=True, kw_only=True)
class CorpusLimits:
    """Bounds beyond which a recording is suspicious; shares are of its samples or its time, `dc` is of full scale."""

    shortest: Seconds = 0.1
    longest: Seconds = 60.0
    silence: float = 0.9
    clipped: float = 1e-4
    dc: float = 0.01
    loudest: float = 1.0
    """dBFS."""
    bandwidth: float = 0.75
    """Of half the sample rate."""


@dataclass
class Finding:
    """A recording, what was measured on it (None if it cannot be read) and its problems: kind and detail."""

    utterance: Utterance
    measurement: Measurement | None
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Check whether a cleaned manifest keeps it."""
        return not self.problems.keys() - KEPT


def utterances_of(source: Path) -> list[Utterance]:
    """The recordings of a manifest, or of a folder and the folders below it (then without duration and rate)."""
    if source.is_file():
        return read_manifest(source)
    if not source.is_dir():
        raise InputError(f"there is no {source}: give a folder of audio files or a manifest (.jsonl)")
    found = [
        Utterance(id="-".join(path.relative_to(source).with_suffix("").parts), path=path, duration=0.0, sample_rate=0)
        for path in audio_files(source)
    ]
    if not found:
        raise InputError(f"{source} holds no audio file: give a folder with .wav, .flac, .ogg or .mp3 files")
    return found


def examine(
    utterances: list[Utterance], limits: CorpusLimits, *, jobs: int = 1, advance: Callable[[], None] = lambda: None
) -> list[Finding]:
    """Measure every recording, `jobs` at a time, and list what is wrong with each; `advance` is called after each."""

    def look(utterance: Utterance) -> Finding:
        try:
            found = Finding(utterance, measure(utterance.path))
        except Exception as error:  # one odd recording never ends the examination of the others
            found = Finding(utterance, None, {"unreadable": sentence(error)})
        advance()
        return found

    with ThreadPoolExecutor(jobs) as pool:
        findings = list(pool.map(look, utterances))
    rates = Counter(finding.measurement.sample_rate for finding in findings if finding.measurement)
    usual = rates.most_common(1)[0][0] if rates else 0
    first: dict[str, str] = {}
    for finding in findings:
        if finding.measurement is not None:
            finding.problems.update(problems(finding.measurement, limits, usual))
            original = first.setdefault(finding.measurement.content, finding.utterance.id)
            if original != finding.utterance.id:
                finding.problems["duplicate"] = f"the samples of {original}"
    return findings


def problems(found: Measurement, limits: CorpusLimits, usual_rate: int) -> Iterator[tuple[str, str]]:
    """Kind and detail of everything that lies outside of the limits."""
    nyquist = found.sample_rate / 2
    if found.non_finite:
        yield "non_finite", f"{found.non_finite} samples are NaN or infinite"
    if found.silence > limits.silence:
        yield "silent", f"{found.silence:.0%} of it lies below -60 dBFS"
    if found.clipped > limits.clipped:
        yield "clipped", f"{found.clipped:.3%} of it is cut off at {found.peak:.1f} dBFS"
    if found.peak > limits.loudest:
        yield "too_loud", f"reaches {found.peak:.1f} dBFS"
    if abs(found.dc) > limits.dc:
        yield "dc", f"offset {found.dc:+.3f} of full scale"
    if found.bandwidth < limits.bandwidth * nyquist:
        yield "band_limited", f"ends at {found.bandwidth} Hz of {nyquist:.0f}"
    if found.duration < limits.shortest:
        yield "too_short", f"{found.duration:.3f} s, wanted at least {limits.shortest:g}"
    if found.duration > limits.longest:
        yield "too_long", f"{found.duration:.1f} s, wanted at most {limits.longest:g}"
    if found.sample_rate != usual_rate:
        yield "other_rate", f"{found.sample_rate} Hz where most have {usual_rate}"


def cleaned(findings: list[Finding]) -> list[Utterance]:
    """The good recordings, with the duration and the rate that were measured; raises `InputError` if there is none."""
    kept = [
        replace(
            found.utterance,
            path=real_path(found.utterance.path),
            mel=found.utterance.mel and real_path(found.utterance.mel),
            duration=found.measurement.duration,
            sample_rate=found.measurement.sample_rate,
        )
        for found in findings
        if found.good and found.measurement is not None
    ]
    if not kept:
        raise InputError(f"none of the {len(findings)} recordings is good, so no manifest was written: see the report")
    return kept
