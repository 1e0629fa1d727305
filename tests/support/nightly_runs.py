"""The nightly command as a scheduler meets it, and receivers of what it sends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.mail_server import MailServer, mail_server

ROOT = Path(__file__).resolve().parents[2]
SECRET = "agreed-upon"  # noqa: S105 - a made-up one
TOKEN = "T000/B000/hushhush"  # noqa: S105 - as above


@dataclass(frozen=True)
class Ended:
    """One run.

    Attributes:
        code: exit code.
        summary: what it printed on standard output.
        stages: the lines on standard error that are JSON.
        remarks: all of standard error.
    """

    code: int
    summary: dict[str, Any]
    stages: list[dict[str, Any]]
    remarks: str

    def state(self, name: str, about: str | None = None) -> str:
        """What became of a stage; ``about``: its day or channel."""
        found = [
            one["state"]
            for one in self.summary["stages"]
            if one["name"] == name and about in {None, one["day"], one["channel"]}
        ]
        assert len(found) == 1, (name, about, self.summary["stages"])
        return str(found[0])

    def detail(self, name: str) -> str:
        """What a stage said."""
        return next(str(one["detail"]) for one in self.summary["stages"] if one["name"] == name)

    @property
    def answered(self) -> dict[str, int]:
        """Errors by day."""
        return {one["day"]: one["errors"] for one in self.summary["days"]}


def nightly(*words: str, **environment: str) -> Ended:
    """Run the command; progress as JSON lines, the summary as JSON."""
    return nightly_in(ROOT, *words, **environment)


def without_store() -> dict[str, str]:
    """The environment of a process whose store stands in its forensics.toml."""
    return {name: value for name, value in os.environ.items() if name != "FORENSICS_STORE"}


def nightly_in(folder: Path, *words: str, **environment: str) -> Ended:
    """The same in another folder, whose forensics.toml counts."""
    run = subprocess.run(
        [sys.executable, "-m", "pipeline", "nightly", *words, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=without_store() | {"PYTHONPATH": str(ROOT), **environment},
        timeout=300,
    )
    lines = [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]
    return Ended(run.returncode, json.loads(run.stdout or "{}"), lines, run.stderr)


@dataclass
class Receivers:
    """Slack, a webhook and a mail server that take what comes, unless told otherwise.

    Attributes:
        status: what Slack and the webhook answer, by channel.
        posts: what they took, by channel.
    """

    mail: MailServer
    endpoint: str = ""
    status: dict[str, int] = field(default_factory=lambda: {"slack": 200, "webhook": 200})
    posts: dict[str, list[Asked]] = field(default_factory=lambda: {"slack": [], "webhook": []})

    def answer(self, asked: Asked) -> Answer:
        """Take a post, or not."""
        channel = "slack" if asked.path == f"/services/{TOKEN}" else "webhook"
        status = self.status[channel]
        if status == 200:
            self.posts[channel].append(asked)
        return Answer(status, b"ok" if status == 200 else b"out of order")

    @property
    def told(self) -> list[dict[str, Any]]:
        """Notices that the webhook took, in order."""
        return [json.loads(asked.body) for asked in self.posts["webhook"]]

    def environment(self) -> dict[str, str]:
        """Variables that send everything here."""
        return {
            "FORENSICS_NIGHTLY__SLACK_URL": f"{self.endpoint}/services/{TOKEN}",
            "FORENSICS_NIGHTLY__WEBHOOK_URL": f"{self.endpoint}/hook",
            "FORENSICS_NIGHTLY__WEBHOOK_SECRET": SECRET,
            "FORENSICS_NIGHTLY__MAIL__TO": '["oncall@example.org"]',
            "FORENSICS_NIGHTLY__MAIL__HOST": "127.0.0.1",
            "FORENSICS_NIGHTLY__MAIL__PORT": str(self.mail.port),
        }


@contextmanager
def receivers() -> Iterator[Receivers]:
    """Serve on loopback until the block ends."""
    with mail_server() as mail:
        running = Receivers(mail)
        with stand_in(running.answer) as server:
            running.endpoint = server.endpoint
            yield running
