"""docs/forensics.1, the manual page, from the commands; the wheel installs it in share/man/man1."""

from collections.abc import Iterator

import typer
from pydantic import BaseModel
from typer.core import TyperCommand, TyperGroup

from pipeline import __version__, errors
from pipeline.cli import app
from pipeline.cli.exits import FINDINGS, INCOMPLETE, INTERRUPTED
from pipeline.config import PREFIX, Settings

EXIT_CODES = {
    0: "Done.",
    errors.ForensicsError.exit_code: "A defect, or a store that cannot be read or written.",
    errors.UsageError.exit_code: "The command line or a setting is off.",
    FINDINGS: "More errors than --fail-on allows.",
    errors.SourceError.exit_code: "A source cannot be reached, or refuses.",
    errors.RejectedLinesError.exit_code: "More lines were rejected than allowed.",
    INCOMPLETE: "The evidence is incomplete; results are written.",
    INTERRUPTED: "Interrupted; what was committed stays.",
}
_HEAD = f""".\\" Made by `make docs`.
.TH FORENSICS 1 "" "forensics {__version__}" "User Commands"
.SH NAME
forensics \\- tells why an AWS Application Load Balancer answered 502 or 504
.SH SYNOPSIS
.B forensics
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Reads the access logs of Application Load Balancers and what there is of the history of the cluster behind
them, and gives a cause and a probability for every 502 and 504, and the setting to change.
Results go to standard output, remarks and progress to standard error.
"""
_TAIL = """.SH FILES
.TP
.I forensics.toml
Settings, in the working directory.
.TP
.I ~/.config/forensics/config.toml
Settings of the user (XDG_CONFIG_HOME).
.TP
.I ~/.local/share/forensics
The store, unless a setting names another (XDG_DATA_HOME).
.SH SEE ALSO
.BR aws (1),
.BR kubectl (1)
"""


def man_page() -> str:
    """The page in the man macros."""
    root = typer.Context(typer.main.get_command(app), info_name="forensics")
    return "".join(
        [
            _HEAD,
            ".SH COMMANDS\n",
            *(line for context in _contexts(root) for line in _command(context)),
            ".SH ENVIRONMENT\nFlags win over these, these over files.\n",
            *_settings(),
            ".SH EXIT STATUS\n",
            *(f".TP\n.B {code}\n{_roff(text)}\n" for code, text in EXIT_CODES.items()),
            _TAIL,
        ]
    )


def _contexts(of: typer.Context) -> Iterator[typer.Context]:
    """Every command that does something, below a group or a group of groups."""
    if not isinstance(of.command, TyperGroup):
        yield of
        return
    for name, command in of.command.commands.items():
        yield from _contexts(typer.Context(command, info_name=name, parent=of))


def _command(context: typer.Context) -> Iterator[str]:
    """A command's section: usage, what it does, options, examples."""
    command = context.command
    assert isinstance(command, TyperCommand)
    said, _, examples = (command.help or "").partition("Examples:")
    yield f".SS {_roff(command.get_usage(context).removeprefix('Usage: '))}\n"
    yield "\n.PP\n".join(_roff(part) for part in said.replace("\b", "").strip().split("\n\n")) + "\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in record[0]:
            yield f".TP\n.B {_roff(record[0])}\n{_roff(record[1])}\n"
    if examples:
        lines = [_roff(line.strip()) for line in examples.strip().splitlines()]
        yield ".PP\nExamples:\n.PP\n.nf\n.RS\n" + "\n".join(lines) + "\n.RE\n.fi\n"


def _settings(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[str]:
    """What may be set once, with the variable that sets it."""
    for name, field in model.model_fields.items():
        variable, kind = f"{prefix}{name.upper()}", field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{variable}__")
        else:
            yield f".TP\n.B {variable}\n{_roff(field.description or '')}\n"


def _roff(text: str) -> str:
    """Text on one line, without meaning to roff."""
    text = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
