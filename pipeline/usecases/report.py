"""The incident as a page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pipeline import __version__
from pipeline.report.facts import Summary
from pipeline.usecases.audit import audit
from pipeline.usecases.incident import Incident


def write_report(
    incident: Incident, summary: Summary, path: Path, title: str, asked: Mapping[str, str] | None = None
) -> None:
    """Write the page; what was there before stays until the new one is complete.

    Args:
        incident: as it was investigated.
        summary: of it.
        path: HTML file.
        title: of the page.
        asked: the question by its parts, for the manifest.

    Raises:
        StoreError: the file cannot be written.
    """
    from pipeline.report import page  # noqa: PLC0415 - only who draws need wait for Plotly

    manifest = {
        "tool": f"forensics {__version__}",
        **(asked or {}),
        "requests": f"{incident.requests:,}",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    page.write_page(incident.engine, summary, path, title=title, manifest=manifest, findings=audit(incident))
