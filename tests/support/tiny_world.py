"""A simulated cluster with little traffic, as files: what the invariants are tried on, end to end."""

import gzip
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from pipeline import config
from pipeline.usecases.incident import Question, investigate

SHARE = 0.08
"""Of the scenario's traffic: ten thousand requests or so, a few dozen errors."""
_INSTANCE = re.compile(r"\bi-0[0-9a-f]{16}\b")
_NODE = re.compile(r"\bip-(\d+-\d+-\d+-\d+)\.[a-z0-9-]+\.compute\.internal\b")


def make(scenario: str, seed: int, folder: Path) -> Path:
    """Write logs, timeline and truth below the folder."""
    world = SCENARIOS[scenario](seed)
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

    for path in (p for p in (folder / "timeline").rglob("*") if p.is_file()):
        is_packed = path.suffix == ".gz"
        taken = path.stat()
        text = (gzip.decompress(path.read_bytes()) if is_packed else path.read_bytes()).decode()
        text = _NODE.sub(node, _INSTANCE.sub(instance, text))
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if is_packed else text.encode())
        os.utime(path, (taken.st_atime, taken.st_mtime))  # says until when it saw


CHANGES: dict[str, Callable[[Path, random.Random], None]] = {
    "lines in another order": shuffle_lines,
    "objects split": split_objects,
    "nodes renamed": rename_nodes,
}
"""What must change no verdict."""
