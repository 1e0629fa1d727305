"""The documents as a site, built offline and strictly: a link that leads nowhere ends the build."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "docs" / "zensical.toml"
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def pages() -> dict[str, Path]:
    """The site's pages: README as its index, everything else where it is."""
    found = {"index.md": ROOT / "README.md", "CHANGELOG.md": ROOT / "CHANGELOG.md"}
    return found | {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "docs").rglob("*.md"))}


def build(target: Path) -> None:
    """Write the site to ``target``, replacing what is there.

    Raises:
        FileNotFoundError: a page links to a file that is not there.
        RuntimeError: the builder complains, with what it says.
    """
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "pages"
        _stage(staged)
        shutil.copy(CONFIGURATION, folder)
        run = subprocess.run(
            [Path(sys.executable).with_name("zensical"), "build", "--strict", "--clean"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(run.stdout + run.stderr)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(folder) / "site", target)


def _stage(folder: Path) -> None:
    """Lay out pages and what they link to as in the checkout, so that its relative links hold."""
    for name, source in pages().items():
        _copy(source, folder / name)
        for linked in _linked(source):
            _copy(linked, folder / linked.relative_to(ROOT))


def _linked(page: Path) -> Iterator[Path]:
    """What a page links to beside other pages."""
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / link).resolve()
        if path.suffix == ".md":
            continue
        if not path.exists():
            raise FileNotFoundError(f"{page.relative_to(ROOT)} links to {link}, which is not there")
        yield path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
