"""The bundled day once more, in another region or account: the same addresses and names, other machines."""

import gzip
import re
from pathlib import Path

from tests.support.recent_day import RecentDay

REGION, ACCOUNT = "eu-west-1", "111122223333"
_IDS = re.compile(r"\b(i|eni|vpc|subnet|sg)-0([0-9a-f]{7,16})\b")
_OWN_IDS = re.compile(r'("(?:ActivityId|eventID|EventId)": ?")')
_ELB, _OTHER_ELB = "7157993d65725fa4", "0000993d65725fa4"


def twin_day(day: RecentDay, folder: Path, region: str = REGION, account: str = ACCOUNT) -> RecentDay:
    """Write the twin below ``folder``."""

    def other(text: str) -> str:
        text = text.replace(REGION, region).replace(ACCOUNT, account).replace(_ELB, _OTHER_ELB)
        return _OWN_IDS.sub(r"\1twin-", _IDS.sub(r"\1-f\2", text)).replace('"Root=1-', '"Root=2-')

    for source, name in ((day.logs, "logs"), (day.aws, "aws")):
        for path in (path for path in source.rglob("*") if path.is_file()):
            target = folder / name / other(path.relative_to(source).as_posix())
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".gz":
                target.write_bytes(
                    gzip.compress(other(gzip.decompress(path.read_bytes()).decode()).encode(), 1)
                )
            else:
                target.write_text(other(path.read_text()))
    return RecentDay(folder / "logs", folder / "aws", day.since, day.until)
