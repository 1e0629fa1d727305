"""Settings and windows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import config
from pipeline.errors import ConfigError, UsageError

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1.5h", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
    ],
)
def test_a_duration_counts_back_from_now(text: str, ago: timedelta) -> None:
    assert config.window(text, None, NOW).since == NOW - ago


@pytest.mark.parametrize(
    "text", ["2026-03-02T11:00:00Z", "2026-03-02T12:00:00+01:00", "2026-03-02T11:00:00", "2026-03-02 11:00"]
)
def test_an_instant_is_utc_unless_it_says_otherwise(text: str) -> None:
    assert config.window(None, text, NOW).until == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "h", "12", "yesterday", "1x", "-5m"])
def test_anything_else_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        config.window(text, None, NOW)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(UsageError, match="is not before"):
        config.window("1h", "2h", NOW)


def test_flags_beat_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    (tmp_path / "user" / "forensics").mkdir(parents=True)
    (tmp_path / "user" / "forensics" / "config.toml").write_text('threads = 5\nmemory_limit = "3GB"\n')
    (tmp_path / "forensics.toml").write_text("threads = 6\nmax_reject_share = 0.5\n")
    assert (config.load().threads, config.load().memory_limit) == (6, "3GB")
    monkeypatch.setenv("FORENSICS_THREADS", "7")
    assert config.load().threads == 7
    assert config.load(threads=8).threads == 8
    assert config.load(max_reject_share=None).max_reject_share == 0.5


def test_all_faults_are_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forensics.toml").write_text('threads = "many"\nstroe = "x"\n')
    with pytest.raises(ConfigError, match=r"(?s)threads.*stroe|stroe.*threads"):
        config.load()


def test_a_file_that_is_no_toml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forensics.toml").write_text("threads = = 2")
    with pytest.raises(ConfigError, match=r"forensics\.toml"):
        config.load()
