"""A loopback HTTP server that answers in the name of an AWS service, as often as the test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.loopback import serving


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: str


@dataclass(frozen=True)
class Answer:
    """One answer; ``promised`` bytes beyond the body are announced and never sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    promised: int = 0


@dataclass
class StandIn:
    """Where the server listens, and what it was asked."""

    endpoint: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def stand_in(answer: Callable[[Asked], Answer]) -> Iterator[StandIn]:
    """Serve on a free port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length).decode())
            running.asked.append(asked)
            given = answer(asked)
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body) + given.promised))
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_POST = _serve  # noqa: N815 - names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = StandIn(f"http://127.0.0.1:{server.server_port}")
    with serving(server):
        yield running
