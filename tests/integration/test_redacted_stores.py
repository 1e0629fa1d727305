"""A store is redacted in one way or not at all, and verdicts are those of a store that is not."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.config import Settings
from pipeline.errors import ConfigError, StoreError, UsageError
from pipeline.ingest.lake import Lake
from pipeline.ingest.ledger import RedactionRule
from pipeline.ingest.pull import pull as ingest
from pipeline.model import Window
from pipeline.redaction import Mode, Redaction
from pipeline.timeline.collect import Access, collect
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.scope import Scope
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.pull import pull
from tests.support.aws_replay import Replay
from tests.support.aws_runs import EXTRAS
from tests.support.recent_day import RecentDay
from tests.support.secrets import PASSED_OVER, TOLD, found_in, write_logs, write_timeline, written

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
KEY, OTHER_KEY = SecretStr("0123456789abcdef"), SecretStr("fedcba9876543210")


@pytest.fixture
def logs(tmp_path: Path) -> str:
    (tmp_path / "logs").mkdir()
    write_logs(tmp_path / "logs")
    return str(tmp_path / "logs")


def settings(store: Path, redact: Mode | None = None, key: SecretStr | None = None) -> Settings:
    return Settings(store=store, redact=redact, redact_key=key, max_reject_share=1.0)


def fill(logs: str, at: Settings) -> None:
    pull(logs, None, Window(), None, at)


@pytest.mark.parametrize(
    ("first", "later", "sentence"),
    [
        ((None, None), ("truncate", None), "holds what is not redacted, and --redact truncate would mix"),
        (
            ("truncate", None),
            ("hash", KEY),
            "is redacted with --redact truncate, and --redact hash would mix the two",
        ),
        (
            ("hash", KEY),
            ("truncate", None),
            "is redacted with --redact hash, and --redact truncate would mix the two",
        ),
        (("hash", KEY), (None, OTHER_KEY), "is redacted with another key, and one client would become two"),
    ],
)
def test_two_ways_in_one_store_are_refused(
    first: tuple[Mode | None, SecretStr | None],
    later: tuple[Mode | None, SecretStr | None],
    sentence: str,
    logs: str,
    tmp_path: Path,
) -> None:
    fill(logs, settings(tmp_path / "store", *first))
    with Lake.open(tmp_path / "store") as lake:
        before = lake.known_files()
    with pytest.raises(UsageError, match=sentence):
        fill(logs, settings(tmp_path / "store", *later))
    with Lake.open(tmp_path / "store") as lake:
        assert lake.known_files() == before


def test_a_store_obeys_its_first_way_without_being_told(logs: str, tmp_path: Path) -> None:
    fill(logs, settings(tmp_path / "store", "hash", KEY))
    (Path(logs) / "new.log").write_bytes((Path(logs) / "delivered.log").read_bytes() + b"\n")
    with pytest.raises(ConfigError, match="needs a key: set FORENSICS_REDACT_KEY"):
        fill(logs, settings(tmp_path / "store"))
    fill(logs, settings(tmp_path / "store", None, KEY))
    with Lake.open(tmp_path / "store") as lake:
        assert lake.redaction_rule == RedactionRule(
            "hash", Redaction("hash", KEY.get_secret_value().encode()).key_check
        )
    assert all(b"192.0.2.2" not in content for _, content in written(tmp_path / "store"))


def test_a_store_that_holds_nothing_yet_may_change_its_way(logs: str, tmp_path: Path) -> None:
    with Lake.open(tmp_path / "store") as lake:
        lake.redact(Redaction("hash", b"0123456789abcdef"))
        assert lake.redaction_rule is not None
    fill(logs, settings(tmp_path / "store", "truncate"))
    with Lake.open(tmp_path / "store") as lake:
        assert lake.redaction_rule == RedactionRule("truncate")


def test_the_way_does_not_change_while_somebody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ingest.lake._PATIENCE_S", 0.0)
    with Lake.open(tmp_path / "store") as writer, writer.writing(), Lake.open(tmp_path / "store") as other:
        with pytest.raises(StoreError, match="another process is writing"):
            other.redact(Redaction("truncate"))
        assert writer.redaction_rule is None


def test_a_store_with_a_timeline_only_counts_as_filled(logs: str, tmp_path: Path) -> None:
    (tmp_path / "store" / "events").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds what is not redacted"):
        fill(logs, settings(tmp_path / "store", "truncate"))


def test_rows_never_come_in_past_the_rule(logs: str, tmp_path: Path) -> None:
    fill(logs, settings(tmp_path / "store", "truncate"))
    with Lake.open(tmp_path / "store") as lake, pytest.raises(StoreError, match="redacted in another way"):
        ingest(logs, lake, Window())


@pytest.mark.parametrize("content", ["short", "", None])
def test_a_key_file_without_a_key_is_refused(content: str | None, logs: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    told = Settings(store=tmp_path / "store", redact="hash", redact_key_file=path)
    with pytest.raises(ConfigError, match=r"cannot be read|holds no key of at least 16 bytes"):
        fill(logs, told)


def test_a_key_file_is_the_key_without_its_line_end(logs: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY.get_secret_value() + "\n")
    told = Settings(
        store=tmp_path / "store", redact="hash", redact_key_file=tmp_path / "key", max_reject_share=1.0
    )
    fill(logs, told)
    fill(logs, settings(tmp_path / "store", "hash", KEY))


VERDICT = ("request_id", "cause", "confidence", "runner_up", "event_id", "lag_s", "missing_sources")


def verdicts(at: Settings) -> list[tuple[object, ...]]:
    with investigate(Question(), at) as incident:
        return incident.attributions.select(VERDICT).sort("request_id").rows()


def test_the_demo_is_explained_by_the_same_causes_however_it_is_redacted(tmp_path: Path) -> None:
    found = []
    modes: tuple[Mode | None, ...] = (None, "truncate", "hash")
    for mode in modes:
        at = settings(tmp_path / str(mode), mode, KEY)
        pull(str(DEMO / "logs"), DEMO / "timeline", Window(), None, at)
        found.append(verdicts(at))
    plain, cut, hashed = found
    assert len(plain) > 150
    assert hashed == plain
    # Clients of one network become one, and `slow_client_upload` counts clients: causes stay, their
    # probabilities move a little.
    assert [one[:2] for one in cut] == [one[:2] for one in plain]
    assert [one[2] for one in cut] == pytest.approx([one[2] for one in plain], abs=0.005)


def test_pages_of_a_live_collection_are_redacted_and_tell_the_same_events(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    assert aws.asked == []
    cut, ever = tmp_path / "cut", datetime.fromisoformat(day.since) - timedelta(days=20)
    collect([Scope(["shop"], ever, datetime.now(UTC))], cut, Access(redaction=Redaction("truncate")))
    assert stat.S_IMODE(cut.stat().st_mode) == 0o700
    text = "".join(content.decode(errors="replace") for _, content in written(cut))
    assert '"userIdentity' in text.replace("\\", "")
    assert "/trollerRole" not in text
    assert "principalId" not in text
    assert "redacted" in text
    live, offline = read_timeline(cut), read_timeline(day.aws, EXTRAS, redaction=Redaction("truncate"))
    columns = [name for name in offline.events.columns if name != "source_ref"]
    assert live.events.select(columns).equals(offline.events.select(columns))


def test_dumps_tell_the_same_events_with_and_without_their_people(tmp_path: Path) -> None:
    write_timeline(tmp_path)
    secrets = {**TOLD, **PASSED_OVER}
    plain, cut = read_timeline(tmp_path), read_timeline(tmp_path, redaction=Redaction("truncate"))
    assert plain.events.height == cut.events.height >= 4
    assert plain.events.drop("detail").equals(cut.events.drop("detail"))
    assert found_in(json.dumps(plain.events["detail"].to_list()).encode(), secrets) == set(TOLD)
    assert found_in(json.dumps(cut.events["detail"].to_list()).encode(), secrets) == set()
