"""The sample report says what the program says today."""

from pathlib import Path

from tests.support.sample_report import EVIDENCE, PICTURE, SAMPLE, data_of, render


def test_the_sample_report_holds_what_the_demo_gives(tmp_path: Path) -> None:
    fresh = tmp_path / "report.html"
    render(fresh)
    wanted, found = data_of(fresh), data_of(SAMPLE)
    for part, value in wanted.items():
        assert found[part] == value, f"{part} differs: run make sample"


def test_the_pictures_of_the_readme_are_there() -> None:
    for picture in (PICTURE, EVIDENCE):
        assert picture.read_bytes().startswith(b"\x89PNG")
