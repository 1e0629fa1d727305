"""Where tables are drawn. Apart from the rest of the output, so that only who draws waits for rich."""

from rich.console import Console


class PipedConsole(Console):
    """A console whose reader may leave: rich would end the run with the exit code of a defect."""

    def on_broken_pipe(self) -> None:
        """Leave it to who started the command."""
        raise BrokenPipeError
