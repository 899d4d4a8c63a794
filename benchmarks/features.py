"""What a site's rows cost to read, of ten million: memory of the process, and time, with DuckDB doing the work.

`members`: one column of 10,000,000 rows for a cohort of 500,000. `baskets`: the same cohort, with four columns declared
over 10,000,000 baskets (a sum, a count, a mean, days since), which DuckDB computes. Each is read in its own process,
whose largest resident memory is `..._mb`, interpreter and libraries included; beside it, pandas with the whole table in
memory, which is how it would be done without an engine.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROWS, COHORT = 10_000_000, 500_000
DECLARED = """
kind = "duckdb"
path = "rows.duckdb"
as_of = 2026-11-01
[[columns]]
name = "spend_8w"
table = "baskets"
how = "sum"
of = "amount"
day = "day"
days = 56
range = [0, 1000]
[[columns]]
name = "visits"
table = "baskets"
how = "count"
day = "day"
range = [0, 50]
[[columns]]
name = "usual"
table = "baskets"
how = "mean"
of = "amount"
day = "day"
range = [0, 200]
[[columns]]
name = "recency"
table = "baskets"
how = "days-since"
day = "day"
range = [0, 365]
"""
READ = """
import json, resource, sys, time
from pathlib import Path
from federated.site.engines import source_in
folder, cohort, columns = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
wanted = [number.to_bytes(16, "big") for number in range(0, 20 * cohort, 20)]
begun = time.perf_counter()
rows = source_in(folder).read(wanted, columns)
seconds = time.perf_counter() - begun
assert len(rows.pseudonyms) == cohort, len(rows.pseudonyms)
assert all(len(rows.columns[name]) == cohort for name in columns)
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
PANDAS = """
import json, resource, sys, time
from pathlib import Path
import duckdb
begun = time.perf_counter()
with duckdb.connect(str(Path(sys.argv[1]) / "rows.duckdb"), read_only=True) as database:
    table = database.execute("SELECT pseudonym, amount FROM members").df()
wanted = {format(number, "032x") for number in range(0, 20 * int(sys.argv[2]), 20)}
chosen = table[table.pseudonym.isin(wanted)]
seconds = time.perf_counter() - begun
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def run() -> dict[str, dict[str, object]]:
    """Measure; see the module."""
    figures: dict[str, object] = {"rows": ROWS, "cohort": COHORT}
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        for name, program, columns in (
            ("members", READ, "amount"),
            ("baskets", READ, "spend_8w,visits,usual,recency"),
            ("pandas_members", PANDAS, ""),
        ):
            seconds, megabytes = _measured(program, folder, columns)
            figures[f"{name}_s"], figures[f"{name}_mb"] = round(seconds, 2), round(megabytes)
            print(f"{name}: {seconds:.2f} s, at most {megabytes:.0f} MB", flush=True)
    return {"figures": figures, "goals": {"members_mb": ["<=", 1000], "baskets_mb": ["<=", 1000]}}


def _write(folder: Path) -> None:
    (folder / "data.toml").write_text(DECLARED, encoding="utf-8")
    with duckdb.connect(str(folder / "rows.duckdb"), config={"memory_limit": "1GB"}) as database:
        database.execute("SELECT setseed(0.5)")
        database.execute(
            f"CREATE TABLE members AS SELECT format('{{:032x}}', range) AS pseudonym, random() * 100 AS amount "
            f"FROM range({ROWS})"
        )
        database.execute(
            f"CREATE TABLE baskets AS SELECT format('{{:032x}}', range % {ROWS // 10} * 10) AS pseudonym, "
            f"DATE '2026-10-31' - CAST(random() * 300 AS INTEGER) AS day, random() * 80 AS amount FROM range({ROWS})"
        )


def _measured(program: str, folder: str, columns: str) -> tuple[float, float]:
    arguments = [sys.executable, "-c", program, folder, str(COHORT), columns]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


if __name__ == "__main__":
    print(json.dumps(run()))
