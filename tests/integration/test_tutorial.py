"""The tutorial, as a new user follows it: from a bucket and an account to the report and the finding."""

import re
from pathlib import Path

from tests.support import tutorial


def test_every_command_of_the_tutorial_prints_what_the_page_shows(tmp_path: Path) -> None:
    page = tutorial.PAGE.read_text(encoding="utf-8")
    assert tutorial.retold(page, tmp_path) == page, "run make docs"
    report = (tmp_path / "practice" / "report.html").read_text(encoding="utf-8")
    assert "Give the Auto Scaling group bulk-ingest a termination lifecycle hook" in report


def test_the_tutorial_leads_to_the_setting_that_costs_most_of_the_errors() -> None:
    page = tutorial.PAGE.read_text(encoding="utf-8")
    errors = [int(count) for count in re.findall(r"(?m)^\w+ +(\d+) +\d+%", page)]
    assert sum(errors) == 190
    assert max(errors) == 48
    assert "put-lifecycle-hook" in page
    assert "(explains 48 errors)" in page
