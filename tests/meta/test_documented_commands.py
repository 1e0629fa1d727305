"""Command lines in the documents are those that the command takes, and every verdict has its night."""

import itertools
import re
import shlex
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup

from pipeline.cli import app
from tests.support import tutorial
from tests.support.command_words import taken
from tests.support.generated_docs import COMMANDS, ROOT, runbook_page

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCKS = re.compile(r"(?ms)^ *```(?:sh|console)\n(.*?)^ *```")
_COMMAND = re.compile(r"(?m)^(?:\s*|\$ )forensics (.*)$")


def shown() -> Iterator[tuple[str, str]]:
    """Page and words of every command line in a block of a shell."""
    for page in PAGES:
        for block in _BLOCKS.findall(page.read_text(encoding="utf-8")):
            for line in _COMMAND.findall(block):
                yield page.relative_to(ROOT).as_posix(), line


LINES = sorted(set(shown()))


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_in_a_document_is_one_that_the_command_takes(page: str, line: str) -> None:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>&;")
    lexer.whitespace_split = True
    words = list(itertools.takewhile(lambda word: word[0] not in "|>&;", lexer))
    if words[-1:] == ["2"]:  # of a redirection
        del words[-1]
    assert words, page
    taken(words)


def test_a_wrong_option_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option: --lbs"):
        taken(["attribute", "--lbs", "shop"])


def test_there_are_commands_to_look_at() -> None:
    assert len(LINES) > 20
    assert {page for page, _ in LINES} >= {"README.md", "docs/tutorial.md", "docs/runbook.md"}
    assert tutorial.commands((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))


def test_the_reference_knows_every_command() -> None:
    def names(of: TyperGroup, before: str = "") -> Iterator[str]:
        for name, command in of.commands.items():
            full = f"{before} {name}".strip()
            yield from names(command, full) if isinstance(command, TyperGroup) else [full]

    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    assert set(names(root)) == set(COMMANDS)


@pytest.mark.parametrize("section", runbook_page().partition("\n## Verdicts\n")[2].split("\n### ")[1:])
def test_every_verdict_says_whether_it_can_wait(section: str) -> None:
    assert re.search(r"(?m)^\*Tonight:\* \*\*(Act now|It can wait)[.,*]", section)
    assert re.search(r"(?m)^\*In the morning:\* \w+", section)
