"""A whole cohort for one study (3 scopes, 2 purposes: 6 items): warm from bits, cold from PostgreSQL, signed.

The rows of the cold figure are made inside PostgreSQL, because entering 1,000,000 members through the workflows is
another benchmark's matter; they are read, folded and packed by the product's own code.
"""

import gc
import os
import statistics
import time
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyroaring import BitMap
from sqlalchemy import text

from benchmarks import _programme as programme
from benchmarks.verdict import world
from consent_center.consent.scope import Item
from consent_center.storage import bits as warm_bits
from consent_center.storage.transaction import Store, Transaction
from federated.cohort import KIND, CohortMember, build_cohort, header_bytes
from federated.plan import Feature, Plan, Release, Use
from federated.signed import sign
from privacy.mechanism import Gaussian

SIZES = (10_000, 100_000, 1_000_000)
STUDY = [Item(f"scope-{s}", f"purpose-{p}", "site-0", "TW") for p in (0, 1) for s in (0, 1, 2)]

NOISE = Gaussian(sensitivity=1.0, std=10.0)
PLAN = Plan(
    study="study",
    model="churn",
    country="TW",
    sites=("site-0",),
    uses=(
        Use(("train",), "purpose-0", ("scope-0", "scope-1", "scope-2")),
        Use(("evaluate",), "purpose-1", ("scope-0", "scope-1", "scope-2")),
    ),
    features=(Feature("spend", "continuous", 0.0, 1.0),),
    label="churned",
    horizon_days=56,
    attributes=(),
    releases=(Release("gradient", "train", "train", NOISE), Release("histogram", "evaluate", "held-out", NOISE)),
    split={"train": ((0, 80),), "held-out": ((80, 100),)},
    settings={},
)


def resident_mb() -> float:
    """Memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def warm(members: int) -> tuple[float, float, int]:
    """Milliseconds for one cohort from warm bits, MB of all 24 items, and the size of the cohort."""
    gc.collect()
    before = resident_mb()
    bits = world(members, share=0.9)
    gc.collect()
    used = resident_mb() - before
    times = []
    for _ in range(15):
        start = time.perf_counter()
        found: BitMap = bits.allowed_all(STUDY, at=programme.NOW)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), used, len(found)


def cold(url: str, members: int) -> float:
    """Seconds from nothing in memory to the cohort, read from PostgreSQL."""

    def fill(tx: Transaction, *, at: datetime) -> None:
        connection = tx.session.connection()
        connection.execute(text("TRUNCATE statement_item"))
        for number in range(1, 25):
            if programme.ITEMS[number - 1] not in STUDY:
                continue
            rows = (
                "INSERT INTO statement_item SELECT :item, m, m, CASE WHEN no THEN 4 ELSE 1 END, :at - (m % 1000000),"
                " CASE WHEN no THEN NULL ELSE (:at / 86400 + 1 + m % 365) * 86400 END, 1000000, false"
                " FROM (SELECT m, (m * 7919 + :item) % 10 = 0 AS no"
                " FROM generate_series(1, CAST(:members AS bigint)) AS m) AS drawn"
            )
            second = int(at.timestamp())
            connection.execute(text(rows), {"item": number, "at": second, "members": members})

    with Store.open(url, keys=programme.KEYS) as store:
        store.run(fill, at=programme.NOW)
    with Store.open(url, keys=programme.KEYS) as store:
        start = time.perf_counter()

        def look(tx: Transaction) -> int:
            state = warm_bits.fresh(tx, STUDY, at=programme.NOW)
            return len(state.bits.allowed_all(STUDY, at=programme.NOW))

        found = store.read(look)
        took = time.perf_counter() - start
    if not 0 < found < members:
        raise RuntimeError("the cold cohort is empty or everybody: the comparison means nothing")
    return took


def signed(members: int) -> float:
    """Seconds to order, hash, root and sign a cohort of this size."""
    keyed = [
        (CohortMember(number.to_bytes(16, "big"), 3), (number * 2654435761 % 2**256).to_bytes(32, "big"))
        for number in range(members)
    ]

    start = time.perf_counter()
    header, _ = build_cohort(
        PLAN,
        run="run",
        site="site-0",
        plan_digest="0" * 64,
        epoch=1,
        issued_at=programme.NOW,
        expires_at=programme.NOW + programme.DAY,
        members=keyed,
    )
    sign(Ed25519PrivateKey.generate(), kind=KIND, payload=header_bytes(header))
    return time.perf_counter() - start


def run() -> dict[str, object]:
    """Print 10k, 100k and 1M."""
    figures: dict[str, float] = {}
    with programme.postgres() as url:
        with Store.open(url, keys=programme.KEYS) as store:
            programme.found(store, at=programme.NOW - programme.DAY)
        for members in SIZES:
            name = f"{members // 1000}k" if members < 10**6 else "1m"
            took, used, size = warm(members)
            figures |= {f"warm_ms_{name}": round(took, 2), f"memory_mb_{name}": round(used, 1)}
            figures |= {f"cold_s_{name}": round(cold(url, members), 2), f"sign_s_{name}": round(signed(members), 2)}
            print(f"{members} members: { ({k: v for k, v in figures.items() if k.endswith(name)}) }, cohort {size}")
    return {
        "figures": figures,
        "goals": {
            "warm_ms_1m": ("<=", 50),
            "cold_s_1m": ("<=", 30),
            "memory_mb_1m": ("<=", 200),
            "sign_s_1m": ("<=", 5),
        },
    }
