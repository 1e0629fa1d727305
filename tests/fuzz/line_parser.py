"""Coverage-guided search for bytes that the line parser cannot take: ``make fuzz``.

As a program it takes libFuzzer's options and folders of a corpus; without ``-max_total_time`` it never ends.
What breaks a property is written to ``crash-…`` and read again by ``… -m tests.fuzz.line_parser crash-…``.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline.ingest"]):
    from tests.fuzz.properties import check, seeds

_DICTIONARY = Path(__file__).with_suffix(".dict")
_LONGEST = 6000
_MEMORY_MB = (
    4096  # what traces the comparisons keeps some 15 KB of each input; the parser alone does not grow
)


def main(words: list[str]) -> None:
    """Add the seeds to the first corpus folder and search until libFuzzer ends."""
    folders = [Path(word) for word in words[1:] if not word.startswith("-")]
    if folders and folders[0].is_dir():
        for number, seed in enumerate(seeds()):
            (folders[0] / f"sample-{number:03d}").write_bytes(seed)
    options = [f"-dict={_DICTIONARY}", f"-max_len={_LONGEST}", f"-rss_limit_mb={_MEMORY_MB}"]
    atheris.Setup([words[0], *options, *words[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
