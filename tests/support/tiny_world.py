"""A simulated cluster with little traffic, as files: what the invariants are tried on, end to end."""

import gzip
import json
import os
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from pipeline import config
from pipeline.usecases.incident import Question, investigate

SHARE = 0.08
"""Of the scenario's traffic: ten thousand requests or so, a few dozen errors."""
_INSTANCE = re.compile(r"\bi-0[0-9a-f]{16}\b")
_NODE = re.compile(r"\bip-(\d+-\d+-\d+-\d+)\.[a-z0-9-]+\.compute\.internal\b")


def make(scenario: str, seed: int, folder: Path, *, days_later: int = 0) -> Path:
    """Write logs, timeline and truth below the folder; the same world can take place on another day."""
    world = SCENARIOS[scenario](seed)
    world.start += np.timedelta64(days_later, "D")
    for service in world.services:
        service.rps *= SHARE
    generate(world, folder)
    return folder


def verdicts(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Attributions sorted by trace id, and per error the sum of its candidates' probabilities."""
    with investigate(Question(str(folder / "logs"), folder / "timeline"), config.load()) as incident:
        found = incident.attributions.select(
            "trace_id", "request_id", "cause", "confidence", "runner_up", "runner_up_confidence"
        ).sort("trace_id")
        sums = incident.engine.table("candidates").group_by("request_id").agg(pl.col("probability").sum())
        errors = incident.engine.table("gateway_errors").select("request_id")
    return found, errors.join(sums, on="request_id", how="left")


def _objects(folder: Path) -> list[Path]:
    return sorted((folder / "logs").rglob("*_app.*.log.gz"))


def _rewrite(path: Path, lines: list[str]) -> None:
    path.write_bytes(gzip.compress("".join(lines).encode(), compresslevel=1, mtime=0))


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)


def _alike(seed: float, path: Path) -> random.Random:
    """The same draws for an object and for its copy elsewhere, which has its name."""
    return random.Random(f"{seed} {path.name}")  # noqa: S311 - a test's change


def shuffle_lines(folder: Path, draw: random.Random) -> None:
    """Any order of lines within every object."""
    seed = draw.random()
    for path in _objects(folder):
        lines = _lines(path)
        _alike(seed, path).shuffle(lines)
        _rewrite(path, lines)


def split_objects(folder: Path, draw: random.Random) -> None:
    """Every object as two or three, as when there is much traffic."""
    seed = draw.random()
    for path in _objects(folder):
        draw, lines = _alike(seed, path), _lines(path)
        cuts = sorted(draw.randrange(len(lines) + 1) for _ in range(draw.choice((1, 2))))
        parts = [lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
        path.unlink()
        for number, part in enumerate(parts):
            if part:
                _rewrite(path.with_name(path.name.replace(".log.gz", f"{number}.log.gz")), part)


def rename_nodes(folder: Path, draw: random.Random) -> None:
    """Other instance ids and node names in every dump; addresses stay."""
    known: dict[str, str] = {}

    def instance(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"i-0{draw.getrandbits(64):016x}")

    def node(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"worker-{draw.getrandbits(40):010x}.example.internal")

    _change_dumps(folder, "*", lambda text: _NODE.sub(node, _INSTANCE.sub(instance, text)))


def shuffle_records(folder: Path, draw: random.Random) -> None:
    """Any order of what the dumps list; a watch has the order in which things happened."""

    def shuffled(text: str) -> str:
        dump: dict[str, Any] = json.loads(text)
        for value in dump.values():
            if isinstance(value, list):
                draw.shuffle(value)
        return json.dumps(dump)

    _change_dumps(folder, "*.json", shuffled)
    _change_dumps(folder, "*.json.gz", shuffled)


def add_a_node_elsewhere(folder: Path, draw: random.Random) -> None:
    """Another group of another cluster launches and loses a node, days before."""
    before = timedelta(days=draw.randrange(20, 40))

    def moved(activity: dict[str, Any]) -> dict[str, Any]:
        times = {name: datetime.fromisoformat(activity[name]) - before for name in ("StartTime", "EndTime")}
        text = _INSTANCE.sub("i-0ffffffffffffff01", json.dumps(activity))
        text = text.replace(activity["AutoScalingGroupName"], "elsewhere")
        elsewhere: dict[str, Any] = json.loads(text)
        own = {"ActivityId": f"00000000-{activity['ActivityId'][9:]}"}
        return elsewhere | own | {name: at.isoformat() for name, at in times.items()}

    def added(text: str) -> str:
        dump: dict[str, Any] = json.loads(text)
        group = dump["Activities"][0]["AutoScalingGroupName"]
        mine = [
            one for one in dump["Activities"] if one["AutoScalingGroupName"] == group and "EndTime" in one
        ]
        dump["Activities"] += [moved(one) for one in mine[:4]]
        return json.dumps(dump)

    _change_dumps(folder, "describe-scaling-activities.json", added)


def _change_dumps(folder: Path, pattern: str, change: Callable[[str], str]) -> None:
    """Rewrite dumps, packed or not; the time of a file says until when it saw, and stays."""
    for path in sorted(p for p in (folder / "timeline").rglob(pattern) if p.is_file()):
        is_packed = path.suffix == ".gz"
        taken = path.stat()
        text = change((gzip.decompress(path.read_bytes()) if is_packed else path.read_bytes()).decode())
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if is_packed else text.encode())
        os.utime(path, (taken.st_atime, taken.st_mtime))


CHANGES: dict[str, Callable[[Path, random.Random], None]] = {
    "lines in another order": shuffle_lines,
    "objects split": split_objects,
    "nodes renamed": rename_nodes,
    "records in another order": shuffle_records,
    "a node elsewhere, long before": add_a_node_elsewhere,
}
"""What must change no verdict."""
