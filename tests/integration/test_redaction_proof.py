"""A unique secret in every place that a person can fill; none in anything that is written or printed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import TABLES, Window
from pipeline.redaction import Redaction
from tests.support.nightly_runs import receivers
from tests.support.secrets import (
    KEY,
    LOGGED,
    PASSED_OVER,
    TOLD,
    audit_page,
    found_in,
    write_logs,
    write_timeline,
    written,
)

ALL = {**LOGGED, **TOLD, **PASSED_OVER, "key": KEY}
FORMATS = ("json", "jsonl", "csv", "parquet", "md", "timesketch", "grafana")


@dataclass(frozen=True)
class Place:
    """A folder with inputs, a store and a folder for temporary files."""

    root: Path
    mode: str | None

    @property
    def store(self) -> Path:
        return self.root / "store"

    def run(self, *words: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        """Everything that a command prints; it may not fail for a defect."""
        environment = {
            **os.environ,
            "COLUMNS": "200",
            "TMPDIR": str(self.root / "tmp"),
            "XDG_DATA_HOME": str(self.root / "data"),
            "FORENSICS_DEBUG": "1",
            "FORENSICS_MAX_REJECT_SHARE": "1",
            **(more or {}),
        }
        if self.mode is not None:
            environment |= {"FORENSICS_REDACT": self.mode, "FORENSICS_REDACT_KEY": KEY}
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *words],
            capture_output=True,
            check=False,
            cwd=self.root / "cwd",
            input=stdin,
            env=environment,
            timeout=120,
        )
        said = done.stdout + done.stderr
        assert done.returncode in {0, 6}, said
        assert b"Traceback" not in said
        return said


def place(root: Path, mode: str | None) -> Place:
    for name in ("logs", "tmp", "cwd"):
        (root / name).mkdir(parents=True)
    write_logs(root / "logs")
    write_timeline(root / "timeline")
    made = Place(root, mode)
    made.run(
        "pull", "--logs", str(root / "logs"), "--timeline", str(root / "timeline"), "--store", "../store"
    )
    return made


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place(tmp_path_factory.mktemp("cut"), "truncate")


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place(tmp_path_factory.mktemp("hashed"), "hash")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place(tmp_path_factory.mktemp("plain"), None)


def clean(pieces: Iterator[tuple[Path, bytes]]) -> None:
    for path, content in pieces:
        assert found_in(content, ALL) == set(), path


def test_without_redaction_the_search_finds_every_secret(plain: Place) -> None:
    found = set().union(*(found_in(content, ALL) for _, content in written(plain.store)))
    assert found == set(LOGGED) | set(TOLD)


def test_no_byte_of_the_store_holds_a_secret(cut: Place, hashed: Place) -> None:
    for one in (cut, hashed):
        assert sum(1 for _ in written(one.store)) > 20
        clean(written(one.store))


def test_no_output_holds_a_secret(hashed: Place, tmp_path: Path) -> None:
    store = ("--store", str(hashed.store))
    clean(iter([(Path("table"), hashed.run("attribute", *store))]))
    for form in FORMATS:
        hashed.run("attribute", *store, "--format", form, "--output", str(tmp_path / form))
    hashed.run("report", *store, "--output", str(tmp_path / "report.html"))
    verdicts = [json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines()]
    assert len(verdicts) == 6
    for words in (
        ("explain", verdicts[0]["request_id"]),
        ("explain", verdicts[0]["trace_id"], "--format", "json"),
        ("audit", "--format", "json"),
        ("audit", "--format", "sarif"),
        ("diff", "2026-03-02T11:00:00Z..2026-03-02T11:01:00Z", "2026-03-02T11:01:00Z.."),
        ("doctor",),
        ("lake", "check"),
    ):
        clean(iter([(Path(words[0]), hashed.run(*words, *store))]))
    clean(written(tmp_path))


def test_no_night_leaves_or_tells_a_secret(cut: Place, tmp_path: Path) -> None:
    given = ("--logs", str(cut.root / "logs"), "--timeline", str(cut.root / "timeline"))
    with receivers() as outside:
        night = ("nightly", *given, "--store", str(tmp_path / "store"), "--as-of", "2026-03-03T02:00:00Z")
        said = cut.run(*night, "--format", "json", more=outside.environment())
        posts = [one.body.encode() for channel in outside.posts.values() for one in channel]
        mails = [bytes(one) for one in outside.mail.messages]
    assert [one["errors"] for one in json.loads(said.splitlines()[0])["days"]] == [6]
    assert (len(posts), len(mails)) == (2, 1)
    clean((Path(f"told {number}"), content) for number, content in enumerate([said, *posts, *mails]))
    clean(written(tmp_path / "store"))


def test_no_table_holds_a_secret(cut: Place) -> None:
    queries = ";".join(f"from {table.name}" for table in TABLES) + ";from gateway_errors;"
    said = cut.run("sql", "--store", str(cut.store), stdin=queries.encode())
    assert b"10.0.1.17" in said
    clean(iter([(Path("sql"), said)]))


def test_logs_and_dumps_that_are_only_looked_at_leave_none_either(cut: Place, tmp_path: Path) -> None:
    given = ("--logs", str(cut.root / "logs"), "--timeline", str(cut.root / "timeline"))
    said = cut.run("report", *given, "--output", str(tmp_path / "report.html"))
    beside = ("--store", str(cut.store), "--timeline", str(cut.root / "timeline"))
    said += Place(cut.root, None).run("attribute", *beside, "--format", "json")
    clean(iter([(Path("said"), said)]))
    for folder in (tmp_path, cut.root / "tmp", cut.root / "cwd"):
        clean(written(folder))


def test_later_pulls_and_compaction_obey_the_store(cut: Place) -> None:
    more = cut.root / "more"
    more.mkdir()
    write_logs(more)
    store = ("--store", str(cut.store))
    Place(cut.root, None).run("pull", "--logs", str(more), *store)
    cut.run("lake", "compact", "--min-files", "2", *store)
    clean(written(cut.store))


@pytest.mark.parametrize("mode", ["truncate", "hash"])
def test_a_crash_before_the_commit_leaves_none(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    write_logs(tmp_path / "logs")

    def crash(*_: object) -> None:
        raise StoreError("power is gone")

    with Lake.open(tmp_path / "store") as lake:
        lake.redact(Redaction("truncate") if mode == "truncate" else Redaction("hash", KEY.encode()))
        monkeypatch.setattr(lake, "commit", crash)
        monkeypatch.setattr(lake, "clean", lambda: None)
        with pytest.raises(StoreError, match="power is gone"):
            pull(str(tmp_path / "logs"), lake, Window())
    assert any(path.suffix == ".parquet" for path, _ in written(tmp_path / "store"))
    clean(written(tmp_path / "store"))


def test_by_hash_one_client_stays_one_client(hashed: Place, plain: Place) -> None:
    counts = "select count(distinct client_ip), (select count(*) from requests) from requests"
    of_plain, of_hashed = (one.run("sql", counts, "-q", "--store", str(one.store)) for one in (plain, hashed))
    assert of_plain == of_hashed
    assert int(of_plain.split()[-2]) > 3


def test_the_pages_of_an_audit_log_are_redacted_before_they_are_written() -> None:
    from pipeline.timeline.redact import Scrubber

    page = Scrubber(Redaction("truncate")).scrubbed(audit_page())
    assert found_in(json.dumps(page).encode(), ALL) == set()
    assert json.loads(page["events"][0]["message"])["user"] == {"username": "redacted"}
