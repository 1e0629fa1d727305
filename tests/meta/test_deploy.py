"""docs/deploy: each file is taken by the linter or model of who will read it, and they fit together."""

import ast
import configparser
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name
from botocore.validate import ParamValidator

from pipeline import __version__, cli
from pipeline.config import Settings
from pipeline.usecases import engines, settings
from tests.support.command_words import taken

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
USER = "65532"


def ran(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name(words[0])
    program = str(beside) if beside.exists() else words[0]
    return subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False, cwd=cwd)


def in_cluster() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "cronjob.yaml").read_text())}


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DEPLOY / name).read_text())
    return content


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd tells cases apart
    parser.read(DEPLOY / name)
    return parser


def test_every_file_is_told_of_and_every_file_told_of_is_there() -> None:
    linked = set(re.findall(r"\]\(deploy/([^)]+)\)", PAGE))
    there = {path.name for path in DEPLOY.iterdir()}
    assert linked | {"Dockerfile.dockerignore"} == there


def test_the_dockerfile_passes_its_linter() -> None:
    run = ran("hadolint", "--strict-labels", str(DEPLOY / "Dockerfile"))
    assert (run.returncode, run.stdout) == (0, "")


def test_the_linter_would_speak(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /src && sudo pip install forensics\n")
    run = ran("hadolint", str(tmp_path / "Dockerfile"))
    assert run.returncode == 1
    assert "DL3006" in run.stdout


def test_the_image_ends_as_a_user_without_rights_and_has_no_health_check() -> None:
    last = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert re.findall(r"(?m)^USER (.*)$", last) == [f"{USER}:{USER}"]
    assert "HEALTHCHECK NONE" in last
    assert 'ENTRYPOINT ["forensics"]' in last
    assert "docker build -f docs/deploy/Dockerfile" in PAGE
    assert f"forensics:{__version__} ." in DOCKERFILE


def test_what_is_copied_into_the_image_gives_the_wheel_of_the_checkout(tmp_path: Path) -> None:
    context = tmp_path / "context"
    ignored = [
        line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    copied = [words.split() for words in re.findall(r"(?m)^COPY (.*)$", DOCKERFILE)]
    for *sources, target in copied:
        for source in sources:
            assert f"!{source}" in ignored
            place = context / target / (source if target == "./" else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    assert members(context, tmp_path / "there") == members(ROOT, tmp_path / "here")


def members(folder: Path, target: Path) -> set[str]:
    run = ran("hatchling", "build", "-t", "wheel", "-d", str(target), cwd=folder)
    assert run.returncode == 0, run.stderr
    (wheel,) = target.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_image_has_a_python_that_the_project_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (base,) = set(re.findall(r"(?m)^FROM python:(\S+?)-slim", DOCKERFILE))
    assert f"Programming Language :: Python :: {base}" in project["classifiers"]


def test_systemd_takes_service_and_timer(tmp_path: Path) -> None:
    for name in ("forensics.service", "forensics.timer"):
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/forensics/bin/forensics", "/bin/true"))
    units = [str(tmp_path / name) for name in ("forensics.service", "forensics.timer")]
    run = ran("systemd-analyze", "verify", "--man=no", *units)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_sandbox_of_the_service_is_a_tight_one() -> None:
    run = ran(
        *("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"),
        str(DEPLOY / "forensics.service"),
    )
    assert run.returncode == 0, run.stdout[-300:]


def test_the_service_and_the_timer_say_what_the_page_says() -> None:
    service, timer = unit("forensics.service"), unit("forensics.timer")
    assert service["Service"]["ExecStart"] == "/opt/forensics/bin/forensics nightly"
    assert "/opt/forensics/bin/pip install ." in PAGE
    assert service["Service"]["WorkingDirectory"] == "/etc/forensics"
    assert "/etc/forensics/forensics.toml" in PAGE
    assert timer["Timer"]["OnCalendar"] == "*-*-* 05:30:00 UTC"
    assert "05:30 UTC" in PAGE


def test_kubernetes_takes_the_manifest() -> None:
    run = ran("kubernetes-validate", "--strict", str(DEPLOY / "cronjob.yaml"))
    assert run.returncode == 0, run.stdout + run.stderr


def test_kubernetes_would_refuse_a_misspelt_key(tmp_path: Path) -> None:
    broken = (DEPLOY / "cronjob.yaml").read_text().replace("backoffLimit", "backofLimit")
    (tmp_path / "broken.yaml").write_text(broken)
    assert ran("kubernetes-validate", "--strict", str(tmp_path / "broken.yaml")).returncode != 0


def test_the_parts_of_the_manifest_fit_together() -> None:
    parts = in_cluster()
    account = parts["ServiceAccount"]["metadata"]
    job = parts["CronJob"]["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["serviceAccountName"] == account["name"]
    assert parts["ClusterRoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    role = parts["ClusterRoleBinding"]["roleRef"]["name"]
    assert f"kind: ClusterRole\nmetadata:\n  name: {role}\n" in (ROOT / "docs" / "kubernetes.md").read_text()
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} == set(volumes)
    claim = volumes["store"]["persistentVolumeClaim"]["claimName"]
    assert claim == parts["PersistentVolumeClaim"]["metadata"]["name"]
    assert f"create configmap {volumes['settings']['configMap']['name']} " in PAGE
    assert str(pod["securityContext"]["runAsUser"]) == USER
    for rule in job["podFailurePolicy"]["rules"]:
        assert rule.get("onExitCodes", {"containerName": "nightly"})["containerName"] == container["name"]
    namespaces = {one["metadata"].get("namespace") for one in parts.values()} - {None}
    assert namespaces == {"forensics"}


def test_the_settings_reach_the_pod_under_their_name() -> None:
    (command,) = re.findall(r"(?m)^kubectl (create configmap .*)$", PAGE)
    run = ran("kubectl", *command.split(), "--dry-run=client", "-o", "json")
    assert run.returncode == 0, run.stderr
    made = json.loads(run.stdout)
    assert made["metadata"]["name"] == "forensics-nightly"
    assert made["data"] == {"forensics.toml": (DEPLOY / "forensics.toml").read_text()}


def test_the_role_trusts_the_service_account_and_nobody_else() -> None:
    account = in_cluster()["ServiceAccount"]["metadata"]
    (statement,) = read("irsa-trust-policy.json")["Statement"]
    (condition,) = statement["Condition"].values()
    provider = statement["Principal"]["Federated"].partition("oidc-provider/")[2]
    assert condition == {
        f"{provider}:aud": "sts.amazonaws.com",
        f"{provider}:sub": f"system:serviceaccount:{account['namespace']}:{account['name']}",
    }


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [
        ("ecs", "RegisterTaskDefinition", "ecs-task-definition.json"),
        ("scheduler", "CreateSchedule", "eventbridge-schedule.json"),
        ("emr", "AddJobFlowSteps", "emr-step.json"),
        ("emr-serverless", "StartJobRun", "emr-serverless-job.json"),
    ],
)
def test_the_service_model_takes_the_file_and_no_other_key(service: str, operation: str, name: str) -> None:
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    assert model.input_shape is not None
    # Both the command and boto3 add these.
    given = {**read(name), **dict.fromkeys(model.idempotent_members, "drawn at random")}
    report = ParamValidator().validate(given, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    command = xform_name(operation, "-")
    assert f"aws {service} {command} --cli-input-json file://docs/deploy/{name}\n" in PAGE
    wrong = {**given, "nonsense": 1}
    assert ParamValidator().validate(wrong, model.input_shape).has_errors()


def test_the_step_is_a_command_on_spark_that_the_command_takes() -> None:
    (step,) = read("emr-step.json")["Steps"]
    words = step["HadoopJarStep"]["Args"]
    place = next(number for number, word in enumerate(words) if word.endswith("/bin/forensics"))
    assert all("=" in word for word in words[1:place])
    assert words[place + 1 : place + 4] == ["attribute", "--engine", "spark"]
    taken(words[place + 1 :])


def job_words(name: str) -> list[str]:
    if name == "emr-serverless-job.json":
        words = read(name)["jobDriver"]["sparkSubmit"]["entryPointArguments"]
    else:
        (task,) = read(name)["tasks"]
        words = task["python_wheel_task"]["parameters"]
    return [str(word) for word in words]


@pytest.mark.parametrize("name", ["emr-serverless-job.json", "databricks-job.json"])
def test_a_job_without_a_folder_names_a_uri_that_rows_can_be_sent_to(name: str) -> None:
    words = job_words(name)
    assert words[:3] == ["attribute", "--engine", "spark"]
    assert "--master" not in words, "the session is the platform's"
    taken(words)
    shared = words[words.index("--shared") + 1]
    given = Settings(engine="spark", shared=shared)
    assert engines.shared_folder(given, words[words.index("--logs") + 1]) is None
    assert shared.partition("://")[0] in {"s3", "s3a"}


def test_the_serverless_job_starts_the_command_in_the_environment_of_the_page() -> None:
    submit = read("emr-serverless-job.json")["jobDriver"]["sparkSubmit"]
    assert submit["entryPoint"].endswith("/spark_job.py")
    conf = dict(one.split("=", 1) for one in submit["sparkSubmitParameters"].split("--conf ")[1:])
    unpacked = {one.partition("#")[2] for one in conf.pop("spark.archives").strip().split(",")}
    words = submit["entryPointArguments"]
    assert words[words.index("--timeline") + 1] == "./timeline"
    assert unpacked == {"environment", "timeline"}
    assert {python.strip() for python in conf.values()} == {"./environment/bin/python"}
    assert "venv-pack" in PAGE
    module = ast.parse((DEPLOY / "spark_job.py").read_text())
    assert [ast.unparse(one) for one in module.body[1:]] == ["from pipeline.cli import main", "main()"]
    assert callable(cli.main)


def test_the_databricks_job_runs_the_wheel_of_this_version_by_its_command() -> None:
    (task,) = read("databricks-job.json")["tasks"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wheel = task["python_wheel_task"]
    assert wheel["package_name"] == project["name"]
    assert wheel["entry_point"] in project["scripts"]
    (library,) = task["libraries"]
    assert library["whl"].rpartition("/")[2] == f"forensics-{__version__}-py3-none-any.whl"
    assert "databricks jobs create --json @docs/deploy/databricks-job.json\n" in PAGE


def test_the_schedule_runs_the_task_that_is_registered() -> None:
    task, target = read("ecs-task-definition.json"), read("eventbridge-schedule.json")["Target"]
    arn = target["EcsParameters"]["TaskDefinitionArn"]
    assert arn.rpartition("/")[2] == task["family"]
    run, hand_over = read("scheduler-role-policy.json")["Statement"]
    assert run["Resource"] == f"{arn}:*"
    assert set(hand_over["Resource"]) == {task["taskRoleArn"], task["executionRoleArn"]}
    (container,) = task["containerDefinitions"]
    assert container["user"] == f"{USER}:{USER}"
    assert {one["sourceVolume"] for one in container["mountPoints"]} == {
        one["name"] for one in task["volumes"]
    }


def test_all_three_run_the_same_command() -> None:
    (in_pod,) = in_cluster()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (in_task,) = read("ecs-task-definition.json")["containerDefinitions"]
    assert in_pod["args"] == in_task["command"] == ["nightly"]


def test_the_settings_of_the_examples_are_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    (container,) = read("ecs-task-definition.json")["containerDefinitions"]
    for one in container["environment"]:
        monkeypatch.setenv(one["name"], one["value"])
    for one in container["secrets"]:
        monkeypatch.setenv(one["name"], "https://example.org/")
    monkeypatch.chdir(DEPLOY)
    is_known = "nightly" in Settings.model_fields
    assert [one for one in settings.problems() if is_known or "nightly" not in one.lower()] == []
