"""The report: one HTML file that needs no network, with tables, plots, pictures and sound."""

from audiodiff.evaluation.report.page import write_report

__all__ = ["write_report"]
