"""The incident as a page."""

from datetime import UTC, datetime
from pathlib import Path

from pipeline import __version__
from pipeline.report.facts import Summary
from pipeline.usecases.audit import audit
from pipeline.usecases.incident import Incident


def write_report(incident: Incident, summary: Summary, path: Path, title: str) -> None:
    """Write the page; what was there before stays until the new one is complete.

    Raises:
        StoreError: the file cannot be written.
    """
    from pipeline.report import page  # noqa: PLC0415 - only who draws need wait for Plotly

    manifest = {
        "tool": f"forensics {__version__}",
        "requests": f"{incident.requests:,}",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    page.write_page(incident.engine, summary, path, title=title, manifest=manifest, findings=audit(incident))
