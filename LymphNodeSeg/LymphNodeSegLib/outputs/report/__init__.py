"""report.html: what was found, on one page that a clinician reads in a minute and can print."""

from .page import ReportInput, write_report

__all__ = ["ReportInput", "write_report"]
