"""docs/accuracy.md: the prose is written by hand, what lies between the marks is printed by the benchmark."""

from pathlib import Path

BEGIN, END = (
    "<!-- printed by python -m tests.benchmarks.accuracy --write -->",
    "<!-- end of the printed part -->",
)


def write(page: Path, lines: list[str]) -> None:
    """Replace the printed part.

    Raises:
        SystemExit: the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{page} has no part between {BEGIN} and {END}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    printed = "\n".join(lines)
    page.write_text(f"{before}{BEGIN}\n```text\n{printed}\n```\n{END}{after}", encoding="utf-8")
