"""A place to practise: an S3 server with the logs of an incident of yesterday (UTC), and AWS to ask about it.

``make practice`` runs it for docs/tutorial.md. Everything listens on loopback and ends
with the process.
"""

import json
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.support.aws_replay import replay
from tests.support.recent_day import recent_day
from tests.support.s3_server import S3Server, s3_server

BUCKET = "shop-logs"


@contextmanager
def practice(folder: Path) -> Iterator[None]:
    """Serve bucket and AWS until the block ends.

    Args:
        folder: gets ``env``, which points a shell at the servers, and ``dumps``, what kubectl printed.
    """
    dumps = folder / "dumps"
    dumps.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as behind, s3_server(Path(behind)) as s3:
        day = recent_day(Path(behind) / "day", np.datetime64("today").astype("datetime64[s]"))
        for path in (day.aws.parent / "timeline").iterdir():
            path.rename(dumps / path.name)
        _name_the_bucket(day.aws / "describe-load-balancer-attributes.shop.json")
        _upload(day.logs, s3)
        with replay(day.aws) as aws:
            variables = {
                **aws.environment(),
                **{name: value for name, value in s3.environment().items() if name != "AWS_ENDPOINT_URL"},
                "AWS_ENDPOINT_URL_S3": s3.endpoint,
                "FORENSICS_STORE": str(folder / "store"),
            }
            lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
            lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
            (folder / "env").write_text("\n".join(lines) + "\n")
            yield


def _name_the_bucket(attributes: Path) -> None:
    """The load balancer says itself where it writes its logs."""
    told = json.loads(attributes.read_text())
    told["Attributes"] += [
        {"Key": "access_logs.s3.bucket", "Value": BUCKET},
        {"Key": "access_logs.s3.prefix", "Value": ""},
    ]
    attributes.write_text(json.dumps(told))


def _upload(logs: Path, s3: S3Server) -> None:
    client = s3.client()
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(logs.rglob("*")):
        if path.is_file():
            client.upload_file(str(path), BUCKET, path.relative_to(logs).as_posix())
    client.close()


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = Path(sys.argv[1])
    with practice(folder):
        print(f"ready; in another terminal: . {folder}/env", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
