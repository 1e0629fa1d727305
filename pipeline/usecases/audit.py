"""Hold the settings against the damage."""

from pipeline.attribute import findings
from pipeline.attribute.findings import Finding
from pipeline.report import audit as report
from pipeline.usecases.incident import Incident


def audit(incident: Incident) -> list[Finding]:
    """Every setting that makes errors likelier, those that explain most of the window's errors first."""
    return findings.find(incident.engine)


def as_sarif(found: list[Finding]) -> str:
    """The findings as a SARIF log that lists all rules, broken or not."""
    return report.as_sarif(found, findings.rules())
