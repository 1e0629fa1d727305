"""One test per threat of docs/security.md that no other file tests already; a meta test reads that page."""

import gzip
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from pipeline import config
from pipeline.cli.output import remark
from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import StoreError
from pipeline.ingest.lake import Lake
from pipeline.ingest.local import StandardInput
from pipeline.ingest.pull import pull as ingest
from pipeline.ingest.pull import source_of
from pipeline.ingest.source import spooled
from pipeline.model import Window
from pipeline.redaction import Redaction
from pipeline.report.whole_file import whole_file
from pipeline.timeline.folder import read_timeline
from pipeline.usecases import watch
from pipeline.usecases.pull import pull
from pipeline.usecases.snapshot import snapshot
from tests.support.alb_lines import START, object_lines, object_name
from tests.support.aws_stand_in import Answer, Asked, stand_in

ROOT = Path(__file__).resolve().parents[2]
SECRET = "tokenY7777aaaabbbbccccdddd"  # noqa: S105 - looks like one, and is none


def forensics(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        capture_output=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_DATA_HOME": str(cwd / "data"), **environment},
        timeout=120,
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    text = "\n".join(object_lines(1, 50, errors=0.2)) + "\n"
    (folder / object_name(1, START)).write_bytes(gzip.compress(text.encode()))
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Permissions, links, temporary files


def test_a_new_store_is_readable_by_its_owner_only(logs: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        pull(
            str(logs),
            ROOT / "fixtures" / "demo" / "timeline",
            Window(),
            None,
            Settings(store=tmp_path / "a" / "store"),
        )
        snapshot(Settings(store=tmp_path / "other"), None, aws=False, cluster=False)
        with watch._alone(tmp_path / "recorded"):
            assert mode(tmp_path / "recorded") == 0o700
    finally:
        os.umask(before)
    assert mode(tmp_path / "a" / "store") == mode(tmp_path / "other") == 0o700
    assert mode(tmp_path / "a" / "store" / "lock") == 0o600


def test_a_store_that_is_shared_on_purpose_stays_shared(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o750)
    pull(str(logs), None, Window(), None, Settings(store=tmp_path / "store"))
    assert mode(tmp_path / "store") == 0o750


@pytest.mark.parametrize("name", ["lock", "ledger.sqlite"])
def test_a_link_in_place_of_lock_or_ledger_is_not_followed(name: str, logs: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).symlink_to(victim)
    with pytest.raises(StoreError, match="link"), Lake.open(tmp_path / "store") as lake:
        ingest(str(logs), lake, Window())
    assert victim.read_text() == "precious"


def test_an_output_replaces_a_link_and_keeps_what_it_led_to(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "report.html"
    victim.write_text("precious")
    link.symlink_to(victim)
    with whole_file(link) as file:
        file.write(b"new")
    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("precious", "new", False)


def test_an_output_is_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    for umask, expected in ((0o077, 0o600), (0o022, 0o644)):
        before = os.umask(umask)
        try:
            with whole_file(tmp_path / f"{umask}") as file:
                file.write(b"x")
        finally:
            os.umask(before)
        assert mode(tmp_path / f"{umask}") == expected


def test_sql_spills_into_a_private_folder_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Engine("64MB", 1) as engine:
        (folder,) = engine.ask("select current_setting('temp_directory') as folder")["folder"]
        assert mode(Path(folder)) == 0o700
        engine.ask("select count(*) from (select range as n from range(8000000) order by hash(range) desc)")
    assert not Path(folder).exists()
    assert list(tmp_path.iterdir()) == []


def test_what_is_to_be_redacted_waits_in_memory_only(tmp_path: Path) -> None:
    pieces = [b"x" * (1 << 20)] * 3
    for in_memory, rolled in ((1 << 20, True), (None, False)):
        with spooled(iter(pieces), in_memory).stream as stream:
            assert stream._rolled == rolled  # type: ignore[attr-defined]  # a spooled file's own mark
    with Lake.open(tmp_path / "store") as lake:
        lake.redact(Redaction("truncate"))
        source = source_of("-", None, None, on_disk=lake.redaction is None)
    assert isinstance(source, StandardInput)
    assert source._in_memory is None


# Input that is no ordinary file


def test_a_pipe_or_device_among_the_logs_is_not_waited_for(logs: Path, tmp_path: Path) -> None:
    os.mkfifo(logs / "never.log")
    (logs / "endless.log").symlink_to("/dev/zero")
    with Lake.open(tmp_path / "store") as lake:
        summary = ingest(str(logs), lake, Window())
    assert (summary.ingested, summary.rows) == (1, 50)


def test_a_pipe_or_device_among_the_dumps_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"Activities": []}')
    os.mkfifo(tmp_path / "collection.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    found = read_timeline(tmp_path)
    assert {one.ref: one.what for one in found.problems} == {
        "collection.json": "is no file",
        "zero.json": "is no file",
    }
    assert found.documents == 1


def test_a_link_to_a_private_file_among_the_logs_shows_in_no_output(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text(f"aws_secret_access_key = {SECRET}\n")
    (logs / "innocent.log").symlink_to(tmp_path / "private")
    for words in (("attribute", "--format", "json"), ("report", "--output", str(tmp_path / "r.html"))):
        run = forensics(*words, "--logs", str(logs), cwd=tmp_path)
        assert run.returncode in {0, 6}, run.stderr
        assert SECRET.encode() not in run.stdout + run.stderr
    assert SECRET not in (tmp_path / "r.html").read_text()


# Names and SQL


HOSTILE = "o'brien'); drop table requests; --"


def test_hostile_names_are_values_in_sql_never_commands(logs: Path, tmp_path: Path) -> None:
    store, folder = tmp_path / HOSTILE, tmp_path / f"{HOSTILE}logs"
    logs.rename(folder)
    (folder / f"{HOSTILE}.log").write_text("\n".join(object_lines(2, 20)) + "\n")
    pull(str(folder), None, Window(), None, Settings(store=store, max_reject_share=1.0))
    with Lake.open(store) as lake:
        assert sum(int(row["rows"]) for row in lake.objects().to_pylist()) == 70
    run = forensics("sql", "select count(*) as n from requests", "--store", str(store), cwd=tmp_path)
    assert run.stdout.split() == [b"n", b"70"], run.stderr
    for words in (("explain", HOSTILE), ("attribute", "--lb", HOSTILE, "--no-aws")):
        run = forensics(
            *words,
            "--store",
            str(store),
            cwd=tmp_path,
            AWS_DEFAULT_REGION="eu-west-1",
            AWS_ENDPOINT_URL="http://127.0.0.1:9",
        )
        assert run.returncode in {2, 4}, run.stderr
        assert b"defect" not in run.stderr


def test_no_query_fetches_code() -> None:
    with Engine() as engine:
        (value,) = engine.ask("select current_setting('autoinstall_known_extensions') as it")["it"]
    assert value is False


# Secrets


def test_settings_never_show_their_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORENSICS_REDACT_KEY", SECRET)
    loaded = config.load()
    shown = f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()}"
    assert loaded.redact_key == SecretStr(SECRET)
    assert SECRET not in shown


@pytest.mark.parametrize("value", [SECRET[:9], f'["{SECRET}"]'])
def test_a_refused_secret_is_not_repeated(value: str, tmp_path: Path) -> None:
    run = forensics("pull", "--logs", "none", cwd=tmp_path, FORENSICS_REDACT_KEY=value, FORENSICS_DEBUG="1")
    assert SECRET[:9].encode() not in run.stdout + run.stderr
    (tmp_path / "forensics.toml").write_text(f"redact_key = 7\nredact = '{SECRET}'\n")
    run = forensics("pull", "--logs", "none", cwd=tmp_path, FORENSICS_DEBUG="1")
    assert run.returncode == 2
    assert SECRET.encode() not in run.stdout + run.stderr


def test_a_defect_shows_its_place_and_no_secret(logs: Path, tmp_path: Path) -> None:
    code = (
        "import pipeline.usecases.privacy as p, pipeline.cli as cli, sys\n"
        "def broken(mode, settings):\n"
        "    raise RuntimeError(f'{settings!r} http://alice:" + SECRET + "@198.51.100.7/ \\x1b[2J')\n"
        "p._redaction = broken\n"
        f"sys.argv = ['forensics', 'pull', '--logs', {str(logs)!r}, '--store', {str(tmp_path / 'store')!r}]\n"
        "cli.main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FORENSICS_DEBUG": "1",
            "FORENSICS_REDACT": "hash",
            "FORENSICS_REDACT_KEY": SECRET,
        },
    )
    assert run.returncode == 1
    assert b"Traceback" in run.stderr
    assert b"in broken" in run.stderr
    assert SECRET.encode() not in run.stdout + run.stderr
    assert b"\x1b" not in run.stderr


def test_aws_credentials_are_never_printed(tmp_path: Path) -> None:
    def refuse(_: Asked) -> Answer:
        return Answer(403, b"<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>")

    with stand_in(refuse) as server:
        with_login = server.endpoint.replace("http://", f"http://alice:{SECRET}@")
        for url, words in (
            (server.endpoint, ("pull", "--lb", "shop")),
            (with_login, ("pull", "--logs", "s3://bucket/p")),
        ):
            run = forensics(
                *words,
                cwd=tmp_path,
                AWS_ACCESS_KEY_ID="AKIAEXAMPLE",
                AWS_SECRET_ACCESS_KEY=SECRET,
                AWS_SESSION_TOKEN=SECRET,
                AWS_DEFAULT_REGION="eu-west-1",
                AWS_ENDPOINT_URL=url,
                FORENSICS_DEBUG="1",
            )
            assert run.returncode in {4, 6}, run.stderr
            assert SECRET.encode() not in run.stdout + run.stderr, words


def test_the_login_of_a_url_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    remark(f'Could not connect to the endpoint URL: "https://alice:{SECRET}@proxy.example.com:3128/"')
    said = capsys.readouterr().err
    assert said == 'Could not connect to the endpoint URL: "https://proxy.example.com:3128/"\n'


def test_a_token_in_a_kubeconfig_is_never_printed_or_kept(tmp_path: Path) -> None:
    def refuse(_: Asked) -> Answer:
        return Answer(403, json.dumps({"kind": "Status", "message": "no"}).encode())

    with stand_in(refuse) as server:
        value = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.endpoint}}],
            "users": [{"name": "u", "user": {"token": SECRET}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(value))
        place = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "FORENSICS_DEBUG": "1"}
        run = forensics(
            "snapshot", "--no-aws", "--cluster", "--store", str(tmp_path / "store"), cwd=tmp_path, **place
        )
    assert any(SECRET in one.headers["authorization"] for one in server.asked)  # it was really used
    assert SECRET.encode() not in run.stdout + run.stderr
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


# Where connections go


def test_no_input_names_an_endpoint(tmp_path: Path, logs: Path) -> None:
    with stand_in(lambda _: Answer(200, b"{}")) as server:
        url = server.endpoint
        text = "\n".join(object_lines(3, 20)).replace("https://shop.example.com:443", url) + "\n"
        (logs / "with-urls.log").write_text(text)
        (tmp_path / "dumps").mkdir()
        value = {"Activities": [{"ActivityId": url, "Description": url, "Cause": url}], "NextToken": url}
        (tmp_path / "dumps" / "a.json").write_text(json.dumps(value))
        report = tmp_path / "r.html"
        run = forensics(
            "report", "--logs", str(logs), "--timeline", str(tmp_path / "dumps"), "--output", str(report),
            cwd=tmp_path,
        )  # fmt: skip
    assert run.returncode in {0, 6}, run.stderr
    assert report.exists()
    assert server.asked == []


def test_a_settings_file_of_the_current_folder_names_no_endpoint_and_no_program() -> None:
    risky = {
        name
        for name in Settings.model_fields
        if any(word in name for word in ("endpoint", "command", "exec"))
    }
    assert risky == set()


# One at a time


def test_two_writers_at_once_leave_one_whole_store(logs: Path, tmp_path: Path) -> None:
    failures: list[Exception] = []

    def write() -> None:
        try:
            pull(str(logs), None, Window(), None, Settings(store=tmp_path / "store"))
        except Exception as problem:  # noqa: BLE001 - any is a failure here
            failures.append(problem)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Lake.open(tmp_path / "store") as lake:
        assert [row["rows"] for row in lake.objects().to_pylist()] == [50]
