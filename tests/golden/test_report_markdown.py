"""The Markdown of the synthetic incident, byte for byte.

After a wanted change: ``python tests/golden/test_report_markdown.py`` writes it anew; read the diff.
"""

import io
from pathlib import Path

from pipeline.engine.duckdb import Engine
from pipeline.report import formats
from pipeline.report.summary import summarise
from tests.support.incident import incident

GOLDEN = Path(__file__).with_name("report.md")


def markdown() -> bytes:
    """The Markdown as of now."""
    story, to = incident(), io.BytesIO()
    with Engine() as engine:
        story.attach(engine)
        formats.write(story.frame(), summarise(engine), "md", to)
    return to.getvalue()


def test_the_markdown_summary_is_as_it_was() -> None:
    assert markdown().decode() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_bytes(markdown())
