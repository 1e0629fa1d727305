"""The commands about the settings themselves: forensics config show, validate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import ConfigError
from pipeline.report.safety import visible

if TYPE_CHECKING:
    from pipeline.usecases.settings import Origin

app = typer.Typer(
    name="config",
    help="Look at the settings: what is in force, from where, and what is wrong with them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def show(
    *,
    origin: Annotated[
        bool, typer.Option("--origin", help="Also say where each value comes from, as a comment.")
    ] = False,
    store: Annotated[Path | None, typer.Option(help="As if this flag were given.")] = None,
    max_reject_share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="As if this flag were given.")
    ] = None,
) -> None:
    """Print the settings in force as TOML, ready to be a forensics.toml; secrets are masked.

    Flags win over FORENSICS_* variables, those over forensics.toml, that over the user's
    config.toml, that over the defaults.

    \b
    Examples:
      forensics config show --origin
      forensics config show > forensics.toml
    """
    from pipeline.usecases.settings import origins

    lines = [(_assignment(one), one.where) for one in origins(store=store, max_reject_share=max_reject_share)]
    width = max(len(line) for line, _ in lines)
    for line, where in lines:
        typer.echo(visible(f"{line:<{width}}  # {where}" if origin else line))


@app.command()
def validate() -> None:
    """Name everything that is wrong with the settings at once; exit code 2 if anything is.

    Unknown keys (with the nearest known one), values that cannot be used, files that cannot be read.

    Examples: forensics config validate
    """
    from pipeline import config
    from pipeline.usecases.settings import problems

    found = problems()
    for problem in found:
        typer.echo(visible(problem))
    if found:
        raise typer.Exit(ConfigError.exit_code)
    read = [str(file) for file in config.files() if file.exists()]
    typer.echo(visible(f"nothing is wrong with {' and '.join([*read, 'the environment'])}"))


def _assignment(one: "Origin") -> str:
    """A line of TOML; what is not set, for which TOML has no word, and a masked secret are comments."""
    if one.value is None or one.is_secret:
        return f"# {one.name} = {one.value or ''}".rstrip()
    return f"{one.name} = {json.dumps(one.value, ensure_ascii=False, default=str)}"
