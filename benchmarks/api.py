"""The API in bulk: 10,000 verdicts in one question, and an import of 1,000,000 statements with constant memory.

One uvicorn on a SQLite file (synchronous=FULL). The import is one HTTP request with a CSV of 1,000,000 rows about
50,000 members; memory is the server's, at a tenth of the rows and at the end.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx

from benchmarks import _programme as programme
from benchmarks.consent_write import OURS, serve
from consent_center.consent.notice import choices_digest
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from consent_center.workflows.register_member import register_members

MEMBERS = 50_000
ROWS = 1_000_000
QUESTIONS = 10_000
TIMES = 9


def resident_mb(process: int) -> float:
    """Memory that a process has in use, in MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def write_rows(path: Path, members: list[str], choices: str, at: str) -> None:
    """A CSV of statements: each about one item, a yes or a no."""
    with path.open("w") as file:
        file.write("member,act,items,notice,version,language,choices,said_at,expires_at\n")
        for number in range(ROWS):
            member, item = members[number % MEMBERS], programme.ITEMS[number // MEMBERS % len(programme.ITEMS)]
            act = "refused" if number % 10 < 3 else "given"
            file.write(f"{member},{act},{item},core,1,en,{choices},{at},\n")


def ask(client: httpx.Client, members: list[str]) -> float:
    """Milliseconds of one question about 10,000 verdicts."""
    questions = [{"member": members[number % MEMBERS], "item": number % 6} for number in range(QUESTIONS)]
    body = json.dumps({"items": [item._asdict() for item in programme.ITEMS[:6]], "questions": questions})
    start = time.perf_counter()
    answer = client.post("/verdicts", content=body, headers={"content-type": "application/json"})
    took = (time.perf_counter() - start) * 1000
    if answer.status_code != 200 or len(answer.json()["reasons"]) != QUESTIONS:
        raise RuntimeError(f"answered {answer.status_code}")
    return took


def run() -> dict[str, object]:
    """Import, then ask."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/accord.db"
        at = clock()
        members: list[str] = []
        with Store.open(url, keys=programme.KEYS) as store:
            programme.found(store, at=at - programme.DAY)
            for _ in range(MEMBERS // 10_000):
                members += store.run(register_members, [None] * 10_000, at=at)
            _, token = store.run(issue_token, list(TokenScope), expires_at=at + programme.DAY, at=at)
        path = Path(folder) / "rows.csv"
        choices = choices_digest(programme.notice(at), "en", programme.ITEMS)
        write_rows(path, members, choices, (at - programme.DAY / 2).isoformat())
        print(f"{MEMBERS} members, {ROWS} rows, {path.stat().st_size / 1e6:.0f} MB")
        port = programme.free_port()
        server = serve(OURS, url, port, Path(folder) / "server.log")
        memory: list[float] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.5):
                memory.append(resident_mb(server.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        address, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
        try:
            with httpx.Client(base_url=address, headers=headers, timeout=900, trust_env=False) as api:
                start = time.perf_counter()
                with path.open("rb") as file:
                    answer = api.put("/imports/bulk", content=file)
                took = time.perf_counter() - start
                done.set()
                watcher.join()
                progress = answer.json()
                print(f"import: {took:.0f} s, {progress['rows_kept']} kept, {progress['rows_refused']} refused")
                if (progress["rows_kept"], progress["finished"]) != (ROWS, True):
                    raise RuntimeError(f"the import did not take everything: {answer.text[:500]}")
                start = time.perf_counter()
                ask(api, members)
                first = time.perf_counter() - start
                batch = statistics.median(ask(api, members) for _ in range(TIMES))
        finally:
            done.set()
            server.terminate()
            server.wait()
    tenth = max(memory[: max(2, len(memory) // 10)])
    return {
        "figures": {
            "import_s": round(took, 1),
            "import_rows_per_s": round(ROWS / took),
            "memory_at_a_tenth_mb": round(tenth, 1),
            "memory_peak_mb": round(max(memory), 1),
            "memory_ratio": round(max(memory) / tenth, 3),
            "batch_10000_ms": round(batch, 1),
            "first_batch_s": round(first, 2),
        },
        "goals": {
            "import_s": ("<=", 180),
            "memory_ratio": ("<=", 1.3),
            "batch_10000_ms": ("<=", 100),
        },
    }
