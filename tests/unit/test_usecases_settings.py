"""Where settings come from, and everything that is wrong with them."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict
from typer.testing import CliRunner

from pipeline import config
from pipeline.cli import app
from pipeline.config import Settings
from pipeline.errors import ConfigError
from pipeline.usecases import settings


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's file would be; the working folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    file = tmp_path / "user" / "forensics" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


def show(*words: str) -> str:
    run = CliRunner().invoke(app, ["config", "show", *words])
    assert run.exit_code == 0, run.output
    return run.stdout


def test_every_setting_is_shown_with_the_place_that_won(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text('threads = 5\nmemory_limit = "3GB"\nrequester_pays = true\n')
    Path("forensics.toml").write_text('threads = 6\nmemory_limit = "4GB"\n')
    monkeypatch.setenv("FORENSICS_THREADS", "7")
    rows = dict(line.rsplit("  # ", 1) for line in show("--origin", "--store", "/lake").splitlines())
    told = {line.strip(): where for line, where in rows.items()}
    assert told['store = "/lake"'] == "flag"
    assert told["threads = 7"] == "FORENSICS_THREADS"
    assert told['memory_limit = "4GB"'] == "forensics.toml"
    assert told["requester_pays = true"] == str(user_file)
    assert told["max_reject_share = 0.1"] == "default"
    assert told["# assume_role ="] == "default"
    assert len(told) == len(settings.origins()) >= len(Settings.model_fields)


def test_a_store_of_the_environment_is_no_flag(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not user_file.exists()
    monkeypatch.setenv("FORENSICS_STORE", "/lake")
    assert re.search(r'(?m)^store = "/lake" +# FORENSICS_STORE$', show("--origin"))


@pytest.mark.usefixtures("user_file")
def test_what_is_shown_is_a_file_of_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_STORE", '/a "quoted" \\ place')
    monkeypatch.setenv("FORENSICS_KUBE_CONTEXT", "arn:aws:eks:eu-west-1:111122223333:cluster/größer")
    before, text = config.load(), show("--origin")
    monkeypatch.delenv("FORENSICS_STORE")
    monkeypatch.delenv("FORENSICS_KUBE_CONTEXT")
    assert config.load() != before
    Path("forensics.toml").write_text(text, encoding="utf-8")
    assert config.load() == before
    assert set(tomllib.loads(show())) == {name for name, value in before if value is not None}


@pytest.mark.usefixtures("user_file")
def test_a_secret_is_masked_and_its_place_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithSecret(Settings):
        model_config = SettingsConfigDict(env_prefix="FORENSICS_", extra="forbid")
        slack: SecretStr | None = None

    monkeypatch.setattr(config, "Settings", WithSecret)
    monkeypatch.setattr(settings, "Settings", WithSecret)
    monkeypatch.setenv("FORENSICS_SLACK", "xoxb-very-secret")
    shown = show("--origin")
    assert "very-secret" not in shown
    assert re.search(r"(?m)^# slack = \*+ +# FORENSICS_SLACK$", shown)
    assert "slack" not in tomllib.loads(shown)


@pytest.mark.usefixtures("user_file")
def test_a_table_of_settings_is_shown_and_checked_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mail(BaseModel):
        model_config = ConfigDict(extra="forbid")
        to: list[str] = Field(default_factory=list)
        folder: Path = Path("mails")

    class WithTable(Settings):
        model_config = SettingsConfigDict(env_prefix="FORENSICS_", env_nested_delimiter="__", extra="forbid")
        mail: Mail = Field(default_factory=Mail)

    monkeypatch.setattr(config, "Settings", WithTable)
    monkeypatch.setattr(settings, "Settings", WithTable)
    Path("forensics.toml").write_text('[mail]\nto = ["a@example.org"]\n')
    monkeypatch.setenv("FORENSICS_MAIL__FOLDER", "/mails")
    shown = show("--origin")
    assert re.search(r'(?m)^mail.to = \["a@example.org"\] +# forensics.toml$', shown)
    assert re.search(r'(?m)^mail.folder = "/mails" +# FORENSICS_MAIL__FOLDER$', shown)
    Path("forensics.toml").write_text("[mail]\nto = 3\nfoldr = 1\n")
    monkeypatch.setenv("FORENSICS_MAIL__TOO", "x")
    assert settings.problems() == [
        "FORENSICS_MAIL__TOO: no setting; did you mean FORENSICS_MAIL__TO?",
        "forensics.toml: mail.to: Input should be a valid list",
        "forensics.toml: mail.foldr: no setting; did you mean mail.folder?",
    ]


def kinds(model: type[BaseModel]) -> dict[str, str]:
    """The type of every setting, those of tables included."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= kinds(field.annotation)
        else:
            found[name] = str(field.annotation)
    return found


def test_a_setting_that_sounds_secret_is_kept_secret() -> None:
    known = kinds(Settings)
    assert {"store", "trail"} <= known.keys()
    sounding = {name for name in known if re.search(r"token|secret|password|webhook|slack", name)}
    assert {name for name in sounding if "SecretStr" not in known[name]} == set()


def test_all_problems_of_all_places_are_named_at_once(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text('memory_limt = "3GB"\nmax_reject_share = 3\n')
    Path("forensics.toml").write_text('threads = "many"\nnothing_like_it = 1\n')
    monkeypatch.setenv("FORENSICS_STROE", "/lake")
    monkeypatch.setenv("FORENSICS_ASSUME_ROLE", "me")
    monkeypatch.setenv("FORENSICS_DEBUG", "1")
    run = CliRunner().invoke(app, ["config", "validate"])
    assert run.exit_code == 2
    assert [line.replace(str(user_file), "USER") for line in run.stdout.splitlines()] == [
        "FORENSICS_STROE: no setting; did you mean FORENSICS_STORE?",
        "FORENSICS_ASSUME_ROLE: String should match pattern '^arn:aws[a-z-]*:iam::\\d{12}:role/.+$'",
        "forensics.toml: threads: Input should be a valid integer, unable to parse string as an integer",
        "forensics.toml: nothing_like_it: no setting",
        "USER: max_reject_share: Input should be less than or equal to 1",
        "USER: memory_limt: no setting; did you mean memory_limit?",
    ]


@pytest.mark.parametrize("content", [b"threads = = 2", b"store = '\xff'", None])
def test_a_file_that_cannot_be_read_is_named_beside_the_other_problems(
    user_file: Path, content: bytes | None
) -> None:
    if content is None:
        Path("forensics.toml").symlink_to("nowhere")
    else:
        Path("forensics.toml").write_bytes(content)
    user_file.write_text("threads = 0\n")
    first, second = settings.problems()
    assert first.startswith("forensics.toml: cannot be read: ")
    assert second == f"{user_file}: threads: Input should be greater than or equal to 1"


def test_a_folder_in_place_of_a_file_is_named(user_file: Path) -> None:
    user_file.mkdir()
    (problem,) = settings.problems()
    assert problem.startswith(f"{user_file}: cannot be read: ")


def test_settings_without_a_problem_are_said_to_have_none(user_file: Path) -> None:
    user_file.write_text("threads = 5\n")
    run = CliRunner().invoke(app, ["config", "validate"])
    assert run.exit_code == 0
    assert run.stdout.replace("\n", "") == f"nothing is wrong with {user_file} and the environment"


@pytest.mark.usefixtures("user_file")
def test_a_file_that_nobody_may_read_ends_a_run_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("forensics.toml").write_text("threads = 2\n")
    real = Path.open

    def refuse(path: Path, *words: object, **more: object) -> object:
        if path.name == "forensics.toml":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *words, **more)  # type: ignore[call-overload]  # as it was asked

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match=r"forensics\.toml.*Permission denied"):
        config.load()
