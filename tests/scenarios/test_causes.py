"""Every cause on a small stage: a hit, a near miss just outside its window, a look-alike of a rival."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support import small_world

HERE = Path(__file__).parent
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(HERE.glob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
]


@pytest.mark.parametrize("case", CASES)
def test_the_verdicts_are_as_expected(case: dict[str, Any]) -> None:
    found = small_world.attribute(case)
    said = found["cause"].to_list()
    wanted = [one["expect"] for one in case["errors"] for _ in range(one.get("count", 1))]
    order = sorted(
        range(len(wanted)),
        key=[
            one["at"] + number * one.get("spacing", 0.01)
            for one in case["errors"]
            for number in range(one.get("count", 1))
        ].__getitem__,
    )
    assert said == [wanted[place] for place in order], found.select(
        "time", "cause", "confidence", "evidence"
    ).to_dicts()
    if "at_least" in case:
        assert found["confidence"].to_numpy().min() >= case["at_least"]
    if "at_most" in case:
        assert found["confidence"].to_numpy().max() <= case["at_most"]


@pytest.mark.parametrize("path", sorted(HERE.glob("*.toml")), ids=lambda path: path.stem)
def test_a_scenario_file_has_a_hit_a_near_miss_and_a_rival(path: Path) -> None:
    names = [case["name"].split(":")[0] for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]]
    assert {"hit", "near miss", "rival"} <= set(names)
