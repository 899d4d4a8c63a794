"""How fast the ledger charges, durably and from three processes at once, and whether it ever overspends.

Beside each ledger the bare minimum: the same number of processes that commit one durable row each, by the database
driver alone, on the same database in the same run, in turns. SQLite is the site's own file and the consent centre's
store; PostgreSQL is the consent centre's store. Then a million admissions against exact fractions.

A charge on its own (`StoreAccounts`) is what the goals are about. A run is admitted in one transaction with its cohort
and its log entry, where the charge goes through the store: `_in_a_transaction_per_s` says what that part allows.
"""

import base64
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from privacy.errors import OverBudgetError
from privacy.ledger import PROGRAMME, Accounts, Budget, Charge, Release, admit, total
from privacy.mechanism import DiscreteLaplace, Gaussian, cost
from privacy.quantities import Cost

PROCESSES = 3
SECONDS = 4.0
TURNS = 3
ADMISSIONS = 1_000_000
BUDGET = Budget.create(epsilon=2, delta=1e-5, epsilon_pure=0.5, members=5000)
RELEASES = (Release(Gaussian(1.0, 4000.0), times=10), Release(DiscreteLaplace(1, 1e-6)))
AT = datetime(2026, 1, 5, tzinfo=UTC)


def site_ledger(path: str) -> Accounts:
    """A site's own file."""
    from federated.site.accounts import SiteAccounts
    from federated.site.store import SiteStore

    return SiteAccounts(SiteStore(Path(path)))


def hub_ledger(url: str) -> Accounts:
    """The consent centre's tables."""
    from consent_center.storage.ledger import StoreAccounts
    from consent_center.storage.transaction import Store
    from privacy.envelope import Key
    from privacy.keys import KeyRing

    return StoreAccounts(Store.open(url, keys=KeyRing((Key(1, bytes(32)),))))


def bare_sqlite(path: str) -> Callable[[str], None]:
    """One durable row per call, by the driver alone."""
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, body TEXT)")

    def commit(name: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare VALUES (?, ?)", (name, "x" * 300))
        connection.execute("COMMIT")

    return commit


def bare_postgres(url: str) -> Callable[[str], None]:
    """One durable row per call, by the driver alone."""
    import psycopg

    connection = psycopg.connect(url, autocommit=True)
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, body TEXT)")
    except psycopg.errors.UniqueViolation:
        connection.execute("SELECT 1 FROM bare LIMIT 1")  # another process made it at the same moment

    def commit(name: str) -> None:
        connection.execute("INSERT INTO bare VALUES (%s, %s)", (name, "x" * 300))

    return commit


def stored_row(url: str) -> Callable[[str], None]:
    """One durable row per call, through the consent centre's store: what a commit costs there without a ledger."""
    from sqlalchemy import text

    from consent_center.storage.transaction import Store, Transaction
    from privacy.envelope import Key
    from privacy.keys import KeyRing

    store = Store.open(url, keys=KeyRing((Key(1, bytes(32)),)))

    def insert(tx: Transaction, name: str) -> None:
        tx.session.execute(text("INSERT INTO bare VALUES (:id, :body)"), {"id": name, "body": "x" * 300})

    return lambda name: store.run(insert, name)


def charging_in_the_store(url: str) -> Callable[[str], None]:
    """One charge per call as an admission makes it: within a transaction of the consent centre's store."""
    from consent_center.storage import ledger
    from consent_center.storage.transaction import Store
    from privacy.envelope import Key
    from privacy.keys import KeyRing

    store = Store.open(url, keys=KeyRing((Key(1, bytes(32)),)))
    priced = Charge.of(RELEASES, id="priced", account=PROGRAMME, run="priced", at=AT)
    return lambda name: store.run(ledger.charge, replace(priced, id=name, run=name))


def charging(connect: Callable[[], Accounts]) -> Callable[[str], None]:
    """One charge per call, priced beforehand: pricing needs no database."""
    accounts = connect()
    accounts.open(PROGRAMME, BUDGET)
    priced = Charge.of(RELEASES, id="priced", account=PROGRAMME, run="priced", at=AT)

    def charge(name: str) -> None:
        accounts.charge(replace(priced, id=name, run=name))

    return charge


def work(packed: str) -> None:
    """In a worker: make the action, say so, wait, repeat it for a while, report."""
    make, prefix = pickle.loads(base64.b64decode(packed))
    act = make()
    print("ready", flush=True)
    sys.stdin.readline()
    done, refused, end = 0, 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        try:
            act(f"{prefix}-{done}")
            done += 1
        except OverBudgetError:
            refused += 1
            break
    print(json.dumps([done, refused]), flush=True)


def per_second(make: Callable[[], Callable[[str], None]], turn: str) -> tuple[float, int]:
    """Actions per second of all processes together, and how many were done."""
    with ExitStack() as stack:
        workers = []
        for number in range(PROCESSES):
            packed = base64.b64encode(pickle.dumps((make, f"{turn}-{number}"))).decode()
            code = "import sys; from benchmarks.dp_ledger import work; work(sys.argv[1])"
            workers.append(
                stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-c", code, packed], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                    )
                )
            )
        for worker in workers:
            worker.stdout.readline()
        start = time.perf_counter()
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        done = sum(json.loads(worker.stdout.readline())[0] for worker in workers)
        return done / (time.perf_counter() - start), done


def compare(
    name: str,
    connect: Callable[[], Accounts],
    bare: Callable[[], Callable[[str], None]],
    stored: Callable[[], Callable[[str], None]] | None = None,
    admitting: Callable[[], Callable[[str], None]] | None = None,
) -> dict[str, float]:
    """The ledger and the bare minimum in turns; and whether the account is right afterwards."""
    charging(connect)
    rates: dict[str, list[float]] = {"bare": [], "ledger": [], "stored": [], "admitting": []}
    charged = 0
    for turn in range(TURNS):
        rates["bare"].append(per_second(bare, f"b{turn}")[0])
        rate, done = per_second(partial(charging, connect), f"c{turn}")
        rates["ledger"].append(rate)
        charged += done
        if stored is not None:
            rates["stored"].append(per_second(stored, f"s{turn}")[0])
        if admitting is not None:
            rate, done = per_second(admitting, f"a{turn}")
            rates["admitting"].append(rate)
            charged += done
    accounts = connect()
    history, spent = accounts.history(PROGRAMME), accounts.balance(PROGRAMME).spent
    over = 0 if spent.fits(BUDGET.limit) and total(history) == spent else 1
    lost = charged - len(history)
    bare_rate, ledger_rate = max(rates["bare"]), max(rates["ledger"])
    print(
        f"{name:<16} bare {bare_rate:6.0f}/s  ledger {ledger_rate:6.0f}/s  charges {charged}, lost {lost}", flush=True
    )
    beside = {f"{name}_ratio_to_a_stored_row": ledger_rate / max(rates["stored"])} if stored is not None else {}
    if admitting is not None:
        beside[f"{name}_in_a_transaction_per_s"] = max(rates["admitting"])
    return beside | {
        f"{name}_ratio": ledger_rate / bare_rate,
        f"{name}_charges_per_s": ledger_rate,
        f"{name}_bare_commits_per_s": bare_rate,
        f"{name}_overspent": over,
        f"{name}_lost_or_surplus": abs(lost),
    }


def inexact_admissions() -> int:
    """Admissions of a million random charges that exact fractions would have decided otherwise."""
    wrong = 0
    spent, gaussian, pure = Cost.zero(), Fraction(0), Fraction(0)
    limit, chance = BUDGET.limit, np.random.default_rng(5)
    sizes = zip(
        chance.integers(0, limit.gaussian // 400, ADMISSIONS).tolist(),
        chance.integers(0, limit.pure // 400, ADMISSIONS).tolist(),
        strict=True,
    )
    for number, size in enumerate(sizes):
        if number % 1000 == 0:
            spent, gaussian, pure = Cost.zero(), Fraction(0), Fraction(0)
        charge = Cost(*size)
        fits = gaussian + charge.gaussian <= limit.gaussian and pure + charge.pure <= limit.pure
        try:
            spent = admit(BUDGET, spent, charge)
            admitted = True
        except OverBudgetError:
            admitted = False
        if fits:
            gaussian, pure = gaussian + charge.gaussian, pure + charge.pure
        wrong += admitted != fits or (spent.gaussian, spent.pure) != (gaussian, pure)
    return wrong


def run() -> dict[str, dict]:
    """SQLite, PostgreSQL, then exactness."""
    import pgserver

    print(f"one charge costs {cost(RELEASES[0].mechanism, 10)}")
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/site.sqlite"
        figures |= compare("site_sqlite", partial(site_ledger, file), partial(bare_sqlite, file))
        hub = f"{folder}/hub.sqlite"
        figures |= compare(
            "hub_sqlite",
            partial(hub_ledger, f"sqlite:///{hub}"),
            partial(bare_sqlite, hub),
            partial(stored_row, f"sqlite:///{hub}"),
            partial(charging_in_the_store, f"sqlite:///{hub}"),
        )
        server = pgserver.get_server(f"{folder}/pg", cleanup_mode="delete")
        try:
            url = server.get_uri()
            figures |= compare(
                "hub_postgresql",
                partial(hub_ledger, url),
                partial(bare_postgres, url),
                partial(stored_row, url),
                partial(charging_in_the_store, url),
            )
        finally:
            server.cleanup()
    start = time.perf_counter()
    figures["inexact_admissions"] = inexact_admissions()
    print(f"{ADMISSIONS} admissions in {time.perf_counter() - start:.0f} s, {figures['inexact_admissions']} inexact")
    goals: dict[str, tuple[str, float]] = {"inexact_admissions": ("<=", 0)}
    for name in ("site_sqlite", "hub_sqlite", "hub_postgresql"):
        goals |= {
            f"{name}_ratio": (">=", 0.8),
            f"{name}_overspent": ("<=", 0),
            f"{name}_lost_or_surplus": ("<=", 0),
        }
    return {"figures": figures, "goals": goals}
