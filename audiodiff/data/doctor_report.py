"""Reports of the data doctor: a JSON file for machines and a picture for people."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiodiff.audio.atomic import written_whole
from audiodiff.data.doctor import KINDS, CorpusLimits, Finding

Report = dict[str, Any]


def report_of(source: Path, findings: list[Finding], limits: CorpusLimits) -> Report:
    """Everything that was found, as JSON values."""
    measured = [finding.measurement for finding in findings if finding.measurement is not None]
    return {
        "source": str(source),
        "recordings": len(findings),
        "good": sum(finding.good for finding in findings),
        "hours": round(sum(found.duration for found in measured) / 3600, 4),
        "rates": dict(sorted(Counter(str(found.sample_rate) for found in measured).items())),
        "limits": asdict(limits),
        "problems": {kind: [f.utterance.id for f in findings if kind in f.problems] for kind in KINDS},
        "files": [
            {
                "id": finding.utterance.id,
                "path": str(finding.utterance.path),
                "problems": finding.problems,
                "measured": None if finding.measurement is None else asdict(finding.measurement),
            }
            for finding in findings
        ],
    }


def write_report(folder: Path, report: Report) -> None:
    """Write `report.json` and `report.png`; raises `OutputError` where that is impossible."""
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / "report.json") as scratch:
        scratch.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    with written_whole(folder / "report.png") as scratch:
        draw(report).savefig(scratch, dpi=100)


def draw(report: Report) -> Any:  # noqa: ANN401 (a matplotlib figure, which is imported only here)
    """Durations, levels, bandwidths and problems, each in a panel; returns the matplotlib figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    figure.suptitle(f"{report['recordings']} recordings, {report['hours']:.2f} h, {report['good']} good")
    (durations, levels), (bands, kinds) = figure.subplots(2, 2)
    files = [file["measured"] | {"good": not file["problems"]} for file in report["files"] if file["measured"]]
    durations.hist([file["duration"] for file in files], bins=40)
    durations.set(xlabel="duration, s", ylabel="recordings")
    for good, label, color in ((True, "good", "tab:blue"), (False, "suspicious", "tab:red")):
        shown = [file for file in files if file["good"] == good]
        levels.plot([f["rms"] for f in shown], [f["peak"] for f in shown], ".", color=color, label=label, markersize=4)
    levels.set(xlabel="RMS, dBFS", ylabel="peak, dBFS")
    levels.legend()
    bands.hist([file["bandwidth"] / 1000 for file in files], bins=40)
    bands.set(xlabel="effective bandwidth, kHz", ylabel="recordings")
    kinds.barh(list(report["problems"]), [len(ids) for ids in report["problems"].values()], color="tab:red")
    kinds.invert_yaxis()
    kinds.set(xlabel="recordings")
    return figure
