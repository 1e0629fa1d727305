"""The alternatives that an ingest is compared with, each run as a process of its own.

Scripts and commands get three arguments: the folder of logs, what to write, and the number of lines.
"""

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_PULL = """
import sys
from pathlib import Path
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
with Lake.open(Path(sys.argv[2])) as lake:
    done = pull(sys.argv[1], lake, Window(), is_lean=%s)
    assert done.lines == done.rows + done.rejected == int(sys.argv[3]), done
"""

_DUCKDB = """
import sys
import duckdb
kinds = dict(time="TIMESTAMPTZ", request_processing_time="DOUBLE", target_processing_time="DOUBLE",
             response_processing_time="DOUBLE", elb_status_code="SMALLINT", target_status_code="SMALLINT",
             received_bytes="BIGINT", sent_bytes="BIGINT", request_creation_time="TIMESTAMPTZ")
from pipeline.ingest.layout import FIELDS
columns = {name: kinds.get(name, "VARCHAR") for name in FIELDS[:33]}
connection = duckdb.connect(config={"threads": 2, "preserve_insertion_order": %s})
connection.execute("set enable_progress_bar = false")
connection.execute(
    f"create view logs as select * from read_csv('{sys.argv[1]}/**/*.log.gz', delim=' ', quote='\\"',"
    f" escape='\\"', header=false, nullstr='-', columns={columns}, auto_detect=false)"
)
connection.execute(f"copy logs to '{sys.argv[2]}.parquet' (format parquet, compression zstd)")
assert connection.execute(f"select count(*) from '{sys.argv[2]}.parquet'").fetchone() == (int(sys.argv[3]),)
"""

_POLARS = """
import sys
import polars as pl
from pipeline.ingest.layout import FIELDS
names = FIELDS[:33]
kinds = dict.fromkeys(names[5:8], pl.Float64) | dict.fromkeys(names[8:10], pl.Int16)
kinds |= dict.fromkeys(names[10:12], pl.Int64)
instants = pl.col("time", "request_creation_time").str.to_datetime(
    "%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC"
)
logs = pl.scan_csv(
    f"{sys.argv[1]}/**/*.log.gz", separator=" ", has_header=False, null_values="-",
    schema={name: kinds.get(name, pl.String) for name in names},
)
target = f"{sys.argv[2]}.parquet"
logs.with_columns(instants).sink_parquet(target, compression="zstd")
assert pl.scan_parquet(target).select(pl.len()).collect().item() == int(sys.argv[3])
"""

_REGULAR_EXPRESSION = r"""
import gzip, re, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
shape = re.compile(" ".join(['([^ ]*)'] * 12 + ['"([^"]*)"'] * 2 + ['([^ ]*)'] * 3 + ['"([^"]*)"'] * 3 +
                            ['([^ ]*)'] * 2 + ['"([^"]*)"'] * 7 + ['([^ ]*)'] + ['"([^"]*)"'] * 3))
def rows(path):
    with gzip.open(path, "rt") as lines:
        return sum(len(shape.match(line).groups()) == 33 for line in lines)
if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        assert sum(pool.map(rows, sorted(Path(sys.argv[1]).rglob("*.gz")))) == int(sys.argv[3])
"""

_LIBDEFLATE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from deflate import gzip_decompress
def size(path):
    return len(gzip_decompress(path.read_bytes()))
with ThreadPoolExecutor(2) as pool:
    list(pool.map(size, sorted(Path(sys.argv[1]).rglob("*.gz"))))
"""

_ISAL = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pipeline.ingest.allocator import keep_freed_memory
from pipeline.ingest.inflate import pieces
def size(path):
    with path.open("rb") as stream:
        return sum(map(len, pieces(stream)))
keep_freed_memory()
with ThreadPoolExecutor(2) as pool:
    list(pool.map(size, sorted(Path(sys.argv[1]).rglob("*.gz"))))
"""

_GOACCESS = """find "$1" -name '*.gz' -exec zcat {} + |
    goaccess --no-global-config --no-progress --log-format=AWSALB -o "$2.json" -"""

_LNAV = """find "$1" -name '*.gz' -print0 |
    xargs -0 lnav -n -c ';select elb_status_code, count(*), sum(sent_bytes) from alb_log group by 1'"""


@dataclass(frozen=True)
class Peer:
    """One alternative.

    Attributes:
        does: what it does, for the legend.
        script: Python, or shell where ``program`` is set.
        program: Debian package and command that the shell needs.
        package: Python package that is no dependency of the project.
        is_slow: many times slower; one run is enough.
    """

    does: str
    script: str
    program: str | None = None
    package: str | None = None
    is_slow: bool = False

    def missing(self) -> str | None:
        """How to get what this machine lacks for it; None: nothing."""
        if self.program is not None and shutil.which(self.program) is None:
            return f"not installed; apt-get install {self.program}"
        if self.package is not None and importlib.util.find_spec(self.package) is None:
            return f"not installed; pip install {self.package}"
        return None

    def command(self, logs: Path, target: Path, lines: int) -> list[str]:
        """The command line of one run."""
        shell = ["sh", "-c", self.script, "sh"] if self.program else [sys.executable, "-c", self.script]
        return [*shell, str(logs), str(target), str(lines)]


PEERS = {
    "pull": Peer("this project: into a lake", _PULL % "False"),
    "pull-lean": Peer("the same with --columns lean", _PULL % "True"),
    "duckdb": Peer("read_csv, typed, to Parquet with zstd", _DUCKDB % "True"),
    "duckdb-unordered": Peer("the same with preserve_insertion_order=false", _DUCKDB % "False"),
    "polars": Peer("scan_csv, typed, sink_parquet with zstd", _POLARS),
    "python-re": Peer("gzip and re in two processes, writes nothing", _REGULAR_EXPRESSION, is_slow=True),
    "goaccess": Peer("zcat into --log-format=AWSALB, writes its report", _GOACCESS, "goaccess", is_slow=True),
    "lnav": Peer("SQL over its alb_log, writes nothing", _LNAV, "lnav", is_slow=True),
    "isal": Peer("inflating alone, as pull does it", _ISAL),
    "libdeflate": Peer("inflating alone with libdeflate, the limit", _LIBDEFLATE, package="deflate"),
}
"""By name, in the order of the runs."""
