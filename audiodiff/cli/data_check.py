"""`audiodiff data check`: the data doctor in the terminal."""

import os
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from audiodiff.data.doctor import KEPT, KINDS, CorpusLimits, Finding, cleaned, examine, utterances_of
from audiodiff.data.doctor_report import Report, report_of, write_report
from audiodiff.data.manifest import write_manifest
from audiodiff.evaluation.comparison import progress_bar
from audiodiff.evaluation.tables import table_of

EXAMPLES = 3
"""So many recordings of a kind are named in the table; all of them are in the report."""


def check_corpus(
    source: Path, limits: CorpusLimits, *, jobs: int | None, out: Path | None, fix: Path | None, console: Console
) -> Report:
    """Examine a folder or a manifest, print what was found and write what was asked for; return the report."""
    utterances = utterances_of(source)
    with progress_bar(len(utterances)) as advance:
        findings = examine(utterances, limits, jobs=jobs or os.cpu_count() or 1, advance=advance)
    report = report_of(source, findings, limits)
    print_findings(findings, report, console)
    if out is not None:
        write_report(out, report)
        console.print(f"Every recording is in {out / 'report.json'}, a picture in {out / 'report.png'}", soft_wrap=True)
    if fix is not None:
        kept = cleaned(findings)
        write_manifest(fix, kept)
        console.print(f"{fix} lists the {len(kept)} good recordings of {len(findings)}", soft_wrap=True)
    return report


def print_findings(findings: list[Finding], report: Report, console: Console) -> None:
    """A table with a row for each kind of problem that was found, and a line that sums up."""
    rates = ", ".join(f"{n} at {rate} Hz" for rate, n in report["rates"].items())
    console.print(f"{report['recordings']} recordings, {report['hours']:.2f} h: {rates or 'none readable'}")
    table = table_of("", ["problem", "recordings", "what it is", "such as"])
    for column in table.columns[2:]:
        column.justify = "left"
    for kind, ids in report["problems"].items():
        if ids:
            shown = [f for f in findings if kind in f.problems][:EXAMPLES]
            named = "\n".join(escape(f"{finding.utterance.id}: {finding.problems[kind]}") for finding in shown)
            table.add_row(kind, str(len(ids)), KINDS[kind], named)
    if table.row_count:
        console.print(table)
    kept = " (other_rate is no fault)" if any(report["problems"][kind] for kind in KEPT) else ""
    console.print(f"{report['good']} of {report['recordings']} are good{kept}")
