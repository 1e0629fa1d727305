"""The nightly command night after night: a subprocess, its streams, its exit codes, and what it sends."""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.notify.webhook import signature
from pipeline.usecases.nightly_journal import Journal, place
from pipeline.usecases.nightly_summary import RunSummary
from tests.support.nightly_runs import SECRET, TOKEN, Ended, Receivers, nightly, nightly_in, receivers
from tests.support.nights import Days, Place, day, night_after, verdicts

CHANNELS = ("slack", "webhook", "mail")


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Three simulated days."""
    made = Days(tmp_path_factory.mktemp("days"), 3)
    made.write()
    return made


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def world(days: Days, here: Place) -> Place:
    """The first day has been delivered, nothing late."""
    deliver(days, here, 0)
    return here


@pytest.fixture
def outside() -> Iterator[Receivers]:
    with receivers() as running:
        yield running


def deliver(days: Days, here: Place, number: int) -> None:
    days.deliver_logs(number, here, late=False)
    days.deliver_logs(number, here, late=True)
    days.deliver_dumps(list(range(number + 1)), here)


def after(number: int, here: Place, *words: str, **environment: str) -> Ended:
    """The run of the night after a day."""
    return nightly(
        *("--logs", str(here.logs), "--timeline", str(here.timeline), "--store", str(here.store)),
        *("--as-of", night_after(number), *words),
        **environment,
    )


def contents(message: EmailMessage) -> str:
    return str(message.get_content())


def test_one_night_answers_yesterday_reports_and_tells_everyone_once(
    days: Days, world: Place, outside: Receivers, tmp_path: Path
) -> None:
    textfile = tmp_path / "metrics" / "forensics.prom"
    environment = outside.environment() | {
        "FORENSICS_NIGHTLY__METRICS_FILE": str(textfile),
        "FORENSICS_NIGHTLY__REPORT_URL": "https://reports.example.org/alb/",
    }
    errors = days.errors[day(0)]
    first = after(0, world, **environment)
    assert first.code == 0, first.remarks
    RunSummary.model_validate(first.summary)
    assert first.answered == {"2026-03-02": errors}
    assert [one["name"] for one in first.stages] == [
        *("pull", "snapshot", "timeline", "attribute", "report"),
        *("notify", "notify", "notify", "tidy", "metrics"),
    ]
    assert first.stages == first.summary["stages"]
    (found,) = verdicts(world.store).values()
    assert found.height == errors

    (told,) = outside.told
    assert (told["day"], told["errors"]) == ("2026-03-02", errors)
    assert told["report_link"] == "https://reports.example.org/alb/2026-03-02.html"
    (post,) = outside.posts["webhook"]
    assert post.headers["x-forensics-signature-256"] == signature(post.body.encode(), SECRET)
    assert f"{errors} gateway errors on 2026-03-02" in outside.posts["slack"][0].body
    (message,) = outside.mail.messages
    assert f"{told['causes'][0]['errors']}  {told['causes'][0]['id']}" in contents(message)
    assert (world.store / "nightly" / "reports" / "2026-03-02.html").stat().st_size > 100_000
    samples = {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(textfile.read_text())
        for one in family.samples
    }
    cause = told["causes"][0]
    assert samples["forensics_gateway_errors_total", cause["id"]] == cause["errors"]
    assert samples["forensics_gateway_errors_total", "zonal_failure"] == 0
    assert samples["forensics_nightly_open_days",] == 0

    before = state(world.store)
    second = after(0, world, **environment)
    assert (second.code, second.summary["state"]) == (0, "nothing_to_do")
    assert second.answered == {}
    assert len(outside.told) == len(outside.posts["slack"]) == len(outside.mail.messages) == 1
    assert state(world.store) == before


def state(store: Path) -> dict[str, bytes]:
    """Everything that a run leaves, but for SQLite's own and the lock."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and "ledger.sqlite" not in path.name
    }


def test_people_are_told_in_words(world: Place) -> None:
    import subprocess
    import sys

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "nightly", "--logs", str(world.logs)),
            *("--store", str(world.store), "--as-of", night_after(0), "--log-format", "text"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
        timeout=300,
    )
    assert run.returncode == 6, run.stderr  # without a timeline, evidence is incomplete
    assert re.search(r"(?m)^pull: done \(\d+\.\d s\) logs read$", run.stderr)
    assert re.search(r"2026-03-02 +\d+ +[\d,]+ +\w+ \d+", run.stdout)
    assert "evidence incomplete" in run.stdout
    assert "2026-03-02.html" in run.stdout


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_notification_that_fails_is_sent_by_the_next_run_and_no_other_again(
    world: Place, outside: Receivers, channel: str
) -> None:
    outside.status[channel] = 500
    outside.mail.is_full = channel == "mail"
    first = after(0, world, **outside.environment())
    assert (first.code, first.summary["state"]) == (7, "failed")
    assert {name: first.state("notify", name) for name in CHANNELS} == {
        name: "failed" if name == channel else "done" for name in CHANNELS
    }
    assert TOKEN not in first.remarks + json.dumps(first.summary)
    outside.status[channel] = 200
    outside.mail.is_full = False
    second = after(0, world, **outside.environment())
    assert second.code == 0, second.remarks
    assert [(one["name"], one["channel"]) for one in second.stages if one["state"] == "done"] == [
        ("notify", channel)
    ]
    assert len(outside.told) == len(outside.posts["slack"]) == len(outside.mail.messages) == 1
    assert "may have arrived before" not in outside.posts["slack"][0].body


def test_a_quiet_day_is_told_to_nobody(world: Place, outside: Receivers) -> None:
    told = after(0, world, **outside.environment(), FORENSICS_NIGHTLY__NOTIFY_WHEN='["errors>1000"]')
    assert told.code == 0
    assert outside.told == []
    assert "notify" not in {one["name"] for one in told.stages}


def test_missed_nights_are_caught_up_in_order(days: Days, world: Place, outside: Receivers) -> None:
    after(0, world, **outside.environment())
    deliver(days, world, 1)
    deliver(days, world, 2)
    third = after(2, world, **outside.environment())
    assert third.code == 0, third.remarks
    expected = {str(day(number)): days.errors[day(number)] for number in (1, 2)}
    assert {name: errors for name, errors in third.answered.items() if name in expected} == expected
    assert [one["day"] for one in outside.told if not one["is_correction"]] == [
        str(day(number)) for number in range(3)
    ]


def test_logs_out_of_reach_fail_the_night_and_the_next_makes_up_for_it(
    days: Days, world: Place, outside: Receivers
) -> None:
    hidden = world.root / "hidden"
    world.logs.rename(hidden)
    first = after(0, world, **outside.environment())
    assert (first.code, first.summary["state"]) == (4, "failed")
    assert first.state("pull") == "failed"
    assert first.state("attribute", "2026-03-02") == "waiting"
    assert outside.told == []
    hidden.rename(world.logs)
    same_night = after(0, world, **outside.environment())
    assert same_night.code == 0, same_night.remarks
    assert same_night.answered == {"2026-03-02": days.errors[day(0)]}
    assert same_night.state("timeline") == "already_done"


def test_late_lines_and_late_dumps_correct_the_answer_and_say_so(
    days: Days, here: Place, outside: Receivers
) -> None:
    days.deliver_logs(0, here, late=False)
    first = after(0, here, **outside.environment())
    assert first.code in {4, 6}, first.remarks  # no folder of dumps yet
    errors = first.answered["2026-03-02"]
    days.deliver_logs(0, here, late=True)
    days.deliver_dumps([0, 1], here)
    days.deliver_logs(1, here, late=False)
    second = after(1, here, **outside.environment())
    assert second.answered["2026-03-02"] == days.errors[day(0)] >= errors
    corrected = [one for one in outside.told if one["day"] == "2026-03-02"]
    assert [one["is_correction"] for one in corrected] == [False, True]
    assert corrected[0]["key"] != corrected[1]["key"]
    assert "corrects what was said" in outside.posts["slack"][1].body
    totals = Journal.read(here.store).totals
    assert sum(totals.values()) >= days.errors[day(0)]


def test_days_that_have_settled_are_not_looked_at_again(days: Days, here: Place) -> None:
    days.deliver_logs(0, here, late=False)
    days.deliver_dumps([0], here)
    setting = {"FORENSICS_NIGHTLY__LOOK_AGAIN_DAYS": "0"}
    after(0, here, **setting)
    days.deliver_logs(0, here, late=True)
    deliver(days, here, 1)
    second = after(1, here, **setting)
    assert set(second.answered) == {"2026-03-03"}
    again = after(1, here, "--again", "2026-03-02", **setting)
    assert again.state("attribute", "2026-03-02") == "done"


def test_a_day_above_the_threshold_is_said_by_the_exit_code_once(world: Place) -> None:
    first = after(0, world, "--fail-on", "errors>3", "--fail-on", "tls_handshake>0")
    assert first.code == 3
    assert first.summary["days"][0]["exceeded"] == ["errors>3"]
    assert after(0, world, "--fail-on", "errors>3").code == 0


def test_a_failure_that_hides_the_threshold_leaves_it_to_the_next_run(world: Place) -> None:
    dumps = world.timeline.rename(world.root / "away")
    first = after(0, world, "--fail-on", "errors>3")
    assert first.code == 4
    dumps.rename(world.timeline)
    assert after(0, world, "--fail-on", "errors>3").code == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--fail-on", "scale_inn>1"), "scale_in?"),
        (("--since", "2026-03-09"), "has not ended yet"),
        (("--again", "yesterday"), "a day such as 2026-03-02"),
        (("--as-of", "nonsense"), "neither a duration"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    world: Place, words: tuple[str, str], told: str
) -> None:
    run = after(0, world, *words)
    assert run.code == 2
    assert told in run.remarks
    assert not world.store.exists()


def test_retention_that_would_eat_days_still_looked_at_is_refused(world: Place) -> None:
    run = after(0, world, FORENSICS_NIGHTLY__KEEP="3d")
    assert run.code == 2
    assert "nightly.keep: 9d at least" in run.remarks


def test_one_run_at_a_time_and_a_dead_one_stops_nobody(world: Place) -> None:
    lock = world.store / "nightly" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        held.write("4711\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = after(0, world)
        assert refused.code == 1
        assert "another nightly run holds this store (process 4711)" in refused.remarks
    went_on = after(0, world)
    assert went_on.code == 0, went_on.remarks
    assert went_on.summary["resumed_after"] == 4711
    assert after(0, world).summary["resumed_after"] is None


def test_old_nights_go_as_told(days: Days, world: Place) -> None:
    keeping = {
        "FORENSICS_NIGHTLY__LOOK_AGAIN_DAYS": "0",
        "FORENSICS_NIGHTLY__KEEP": "2d",
        "FORENSICS_NIGHTLY__KEEP_REPORTS": "2d",
    }
    for number in range(3):
        deliver(days, world, number)
        run = after(number, world, **keeping)
        assert run.code == 0, run.remarks
    kept = {path.name for path in (world.store / "nightly" / "reports").iterdir()}
    assert kept == {"2026-03-03.html", "2026-03-04.html"}
    assert set(verdicts(world.store)) == {"2026-03-03", "2026-03-04"}
    assert min(Journal.read(world.store).days) == day(1)
    hours = {path.parent.name for path in (world.store / "requests").rglob("*.parquet")}
    # Files that left the lake stay an hour for readers; the ledger names the others only.
    assert "hour=2026-03-04T12" in hours
    counts = next(one["counts"] for one in run.summary["stages"] if one["name"] == "tidy")
    assert counts["requests_expired"] > 0
    refused = after(2, world, "--again", "2026-03-02", **keeping)
    assert (refused.code, "have left the store" in refused.remarks) == (2, True)


def test_a_day_whose_lines_have_gone_keeps_the_answer_that_it_had(days: Days, world: Place) -> None:
    """Nights that fail make days be looked at for longer, but never without their lines."""
    keeping = {"FORENSICS_NIGHTLY__LOOK_AGAIN_DAYS": "1", "FORENSICS_NIGHTLY__KEEP": "3d"}
    first = after(0, world, **keeping)
    away = world.logs.rename(world.root / "away")
    for number in (2, 4):
        assert after(number, world, **keeping).code == 4
    away.rename(world.logs)
    deliver(days, world, 1)
    last = after(5, world, **keeping)
    assert last.code in {0, 6}, last.remarks
    assert "2026-03-02" not in last.answered
    assert last.answered["2026-03-03"] == days.errors[day(1)]
    assert Journal.read(world.store).days[day(0)].errors == first.answered["2026-03-02"]


def test_settings_come_from_the_project_file(world: Place, tmp_path: Path) -> None:
    (tmp_path / "forensics.toml").write_text(
        f'store = "{world.store}"\n[nightly]\nlogs = "{world.logs}"\ntimeline = "{world.timeline}"\n'
        f'reports = "{tmp_path / "pages"}"\nfail_on = ["errors>3"]\n'
    )
    run = nightly_in(tmp_path, "--as-of", night_after(0))
    assert run.code == 3, run.remarks
    assert (tmp_path / "pages" / "2026-03-02.html").exists()


def test_nothing_to_pull_is_a_matter_of_settings(tmp_path: Path) -> None:
    run = nightly_in(tmp_path, "--store", str(tmp_path / "store"), "--as-of", night_after(0))
    assert run.code == 2
    assert "set nightly.logs or nightly.load_balancers" in run.remarks


def test_a_journal_of_another_version_stops_the_run_and_stays(world: Place) -> None:
    path = place(world.store)
    path.parent.mkdir(parents=True)
    path.write_text('{"schema_version": 2}')
    run = after(0, world)
    assert run.code == 1
    assert "upgrade forensics" in run.remarks
    assert path.read_text() == '{"schema_version": 2}'


def test_a_name_in_the_logs_reaches_receivers_as_plain_text(
    days: Days, here: Place, outside: Receivers
) -> None:
    import gzip

    deliver(days, here, 0)
    evil = "app/<!channel>&*shop*/50dc6c495c0c9188"
    for path in here.logs.rglob("*_app.*.log.gz"):
        text = gzip.decompress(path.read_bytes()).decode()
        path.write_bytes(gzip.compress(re.sub(r"app/shop/\w+", evil, text).encode()))
    run = after(0, here, **outside.environment())
    assert run.state("notify", "slack") == "done", run.remarks
    body = json.loads(outside.posts["slack"][0].body)
    assert evil in json.dumps(body["blocks"], ensure_ascii=False)
    assert "mrkdwn" not in json.dumps(body)
    assert "<" not in body["text"]
    assert evil in contents(outside.mail.messages[0])


def test_secrets_are_nowhere(world: Place, outside: Receivers) -> None:
    outside.status["slack"] = 500
    environment = {**outside.environment(), "FORENSICS_DEBUG": "1"}
    run = after(0, world, **environment)
    for path in (world.store / "nightly").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert b"hushhush" not in content, path
    assert SECRET not in run.remarks + json.dumps(run.summary)
    assert "hushhush" not in run.remarks + json.dumps(run.summary)


def test_a_killed_sender_says_so_and_keeps_the_key(world: Place, outside: Receivers) -> None:
    """As if the run had died after a post and before its note."""
    after(0, world, **outside.environment())
    journal = Journal.read(world.store)
    entry = journal.days[day(0)]
    entry.sending = dict(entry.sent)
    entry.sent = {}
    journal.write(world.store)
    run = after(0, world, **outside.environment())
    assert run.code == 0, run.remarks
    first, second = outside.told
    assert first["key"] == second["key"]
    assert len({one.headers["idempotency-key"] for one in outside.posts["webhook"]}) == 1
    assert "may have arrived before" in outside.posts["slack"][1].body
    assert all(f"Key {first['key']}" in one.body for one in outside.posts["slack"])
    assert outside.mail.messages[0]["Message-ID"] == outside.mail.messages[1]["Message-ID"]


def test_a_defect_in_one_days_answer_leaves_the_other_days_theirs(days: Days, world: Place) -> None:
    after(0, world)
    deliver(days, world, 1)
    shutil.rmtree(world.store / "nightly" / "told")
    (world.store / "nightly" / "told").write_text("in the way")
    failed = after(1, world)
    assert failed.code == 1
    assert failed.state("attribute", "2026-03-03") == "failed"
    (world.store / "nightly" / "told").unlink()
    went_on = after(1, world)
    assert went_on.code == 0, went_on.remarks
    assert went_on.answered["2026-03-03"] == days.errors[day(1)]
    assert Journal.read(world.store).days[day(0) + timedelta(days=1)].reported is not None
