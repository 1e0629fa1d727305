"""The words of a command line, held against what the command takes."""

import typer
from typer.core import TyperGroup

from pipeline.cli import app


def taken(words: list[str]) -> None:
    """Read the words as the command would, without running it.

    Raises:
        typer.Exit, click's UsageError: the command does not take them.
    """
    context = typer.Context(typer.main.get_command(app), info_name="forensics")
    while isinstance(context.command, TyperGroup):
        name, *words = words
        if name in {one for parameter in context.command.params for one in parameter.opts}:
            return
        command = context.command.commands[name]
        if isinstance(command, TyperGroup):
            context = typer.Context(command, info_name=name, parent=context)
        else:
            command.make_context(name, words, parent=context)
            return
