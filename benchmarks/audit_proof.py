"""The proof of one entry out of 1,000,000, made from tiles on disk and checked: at most 1 ms, median.

Each proof opens the tiles anew, as a web worker that serves one receipt does: five files are read, the path is hashed
and verified against the checkpoint before it is handed out. The peer is `pymerkle`, whose tree in memory answers the
same question over the same leaves (built for 65,536 of them: a million take minutes), interleaved in the run.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from pymerkle import InmemoryTree

from audit.log.note import SignerKey
from audit.log.publish import publish
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.tlog_proof import prove_entry

SIZE = 1_000_000
PEER_SIZE = 65_536
ROUNDS = 500
KEY = SignerKey.from_seed("bench.example/log", bytes(32))


def run() -> dict[str, dict[str, object]]:
    """Print and return the milliseconds per proof."""
    chance = np.random.default_rng(20)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder)
        print(f"publishing {SIZE:,} entries ...", flush=True)
        publish(log, (_leaf(index) for index in range(SIZE)), KEY, KEY.name, with_bundles=False)
        note = (log / "checkpoint").read_bytes()
        print(f"building the peer's tree of {PEER_SIZE:,} entries ...", flush=True)
        peer = InmemoryTree(algorithm="sha256")
        for index in range(PEER_SIZE):
            peer.append_entry(_leaf(index))
        peer.get_root()
        ours: list[float] = []
        theirs: list[float] = []
        for index in chance.integers(SIZE, size=ROUNDS).tolist():
            start = time.perf_counter()
            prove_entry(_leaf(index), index, note, TileSubtrees(SIZE, DirectorySource(log).read))
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            peer.prove_inclusion(index % PEER_SIZE + 1)
            theirs.append(time.perf_counter() - start)
    median, worst, peer_median = statistics.median(ours) * 1e3, max(ours) * 1e3, statistics.median(theirs) * 1e3
    print(f"from tiles at {SIZE:,}: median {median:.3f} ms, worst {worst:.3f} ms")
    print(f"pymerkle in memory at {PEER_SIZE:,}: median {peer_median:.3f} ms")
    figures = {
        "proof_median_ms": round(median, 3),
        "proof_worst_ms": round(worst, 3),
        "peer_median_ms": round(peer_median, 3),
        "ratio": round(median / peer_median, 3),
    }
    return {"figures": figures, "goals": {"proof_median_ms": ("<=", 1.0)}}


def _leaf(index: int) -> bytes:
    return b'{"k":"run.admitted","n":%d}' % index
