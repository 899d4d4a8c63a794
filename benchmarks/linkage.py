"""Who is at both: link tokens of one consent centre, and private set intersection without one.

CPU seconds of one party at a time, bytes of all messages with the headers of their parts, beside openmined-psi (its
exact variant) where it is installed, and beside the bare calls of the group's library, which no matching can do
without, in the same run. Half of each side's members are at both.
"""

import json
import secrets
import subprocess
import sys
import time
import tracemalloc
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rbcl import (
    crypto_core_ristretto255_from_hash,
    crypto_core_ristretto255_scalar_random,
    crypto_scalarmult_ristretto255,
)

from consent_center.settings import clock
from federated.linkage.matching import Agreed, Secret, blind, check_points, matched, noised_count, tags
from federated.linkage.pairing import Pairing
from federated.linkage.tokens import KIND, Linked, TokenHeader, check_tokens, issue
from federated.signed import sign
from privacy.noise import SecureNoise

PAIR = Pairing("grocer", "airline", "matching", "2026-q4")
SIZES_TOKENS = (10_000, 100_000, 1_000_000)
SIZES_MATCHING = (1_000, 10_000, 100_000)
PART_HEADER_BYTES = 64
BARE = 5_000
PEERS = Path("var/peers/bin/python")


def cards(count: int, start: int) -> list[bytes]:
    """Card numbers from `start` on."""
    return [b"card-%012d" % number for number in range(start, start + count)]


def matching(count: int) -> tuple[float, float, int]:
    """CPU seconds of the holder and of the helper, and bytes in all, for `count` members each."""
    ours, theirs = cards(count, 0), cards(count, count // 2)
    a, b = Secret(), Secret()
    spent = {"holder": 0.0, "helper": 0.0}
    begun = time.process_time()

    def lap(party: str) -> None:
        nonlocal begun
        spent[party] += time.process_time() - begun
        begun = time.process_time()

    asked = blind(PAIR, ours, a)
    lap("holder")
    check_points(asked.points, own=len(theirs))
    answering = blind(PAIR, theirs, b)
    lap("helper")
    check_points(answering.points, own=len(asked.points))
    shown = sorted(tags(PAIR, answering.points, a))
    lap("holder")
    answer = tags(PAIR, asked.points, b)
    noised_count(Agreed(minimum=50, epsilon=1.0), shown, answer, SecureNoise())
    lap("helper")
    found = matched(asked, shown, answer)
    lap("holder")
    assert found == set(ours) & set(theirs)
    lists = [asked.points, answering.points, shown, answer]
    sent = sum(len(one) * len(one[0]) + PART_HEADER_BYTES * -(-len(one) // 4096) for one in lists)
    return spent["holder"], spent["helper"], sent


def bare(count: int) -> float:
    """CPU seconds of one party if it did nothing but call the group's library: one hash and two multiplications each.

    No program can be faster with this library: every way to match by Diffie-Hellman needs a point for each own member
    and a secret multiple of each own and of each foreign one.
    """
    scalar, drawn = crypto_core_ristretto255_scalar_random(), [secrets.token_bytes(64) for _ in range(count)]
    begun = time.process_time()
    for one in drawn:
        point = crypto_core_ristretto255_from_hash(one)
        crypto_scalarmult_ristretto255(scalar, crypto_scalarmult_ristretto255(scalar, point))
    return time.process_time() - begun


def peer(count: int) -> dict[str, float] | None:
    """What openmined-psi takes, where it is installed; it has an environment of its own."""
    if not PEERS.exists():
        return None
    asked = [PEERS, Path(__file__).parent / "_psi_peer.py", str(count)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return json.loads(told.stdout.splitlines()[-1]) if told.returncode == 0 else None


def tokens(count: int) -> float:
    """Seconds to issue, sign, check and match tokens of `count` members at both sites."""
    hub, now = Ed25519PrivateKey.generate(), clock()
    members = [Linked(*(secrets.token_bytes(size) for size in (16, 16, 32))) for _ in range(count)]
    root = secrets.token_bytes(32)
    begun = time.perf_counter()
    bodies = issue(root, PAIR, members)
    checked = []
    for site, body, own in (
        ("grocer", bodies[0], {one.at_holder for one in members}),
        ("airline", bodies[1], {one.at_helper for one in members}),
    ):
        header = TokenHeader(
            PAIR, site, "run-1", now, now + timedelta(minutes=10), len(body) // 48, sha256(body).hexdigest()
        )
        checked.append(
            check_tokens(
                sign(hub, kind=KIND, payload=header.to_bytes()), body, hub_key=hub.public_key(), pairing=PAIR,
                site=site, run="run-1", enrolled=own, at=now,
            )
        )  # fmt: skip
    assert len(checked[0].known(checked[1].pseudonym_of)) == count
    return time.perf_counter() - begun


def matchings() -> dict[str, float]:
    """Each size, and before and after the largest what the library's calls alone take on this machine."""
    figures: dict[str, float] = {}
    floors = []
    for count in SIZES_MATCHING:
        floors.append(bare(BARE))
        holder, helper, sent = matching(count)
        figures |= {
            f"matching_holder_cpu_s_{count}": holder,
            f"matching_helper_cpu_s_{count}": helper,
            f"matching_megabytes_{count}": sent / 1e6,
        }
        said = f"holder {holder:.2f} CPU s, helper {helper:.2f} CPU s, {sent / 1e6:.2f} MB"
        print(f"matching {count:>9,}: {said}", flush=True)
    floors.append(bare(BARE))
    floor = sum(floors[-2:]) / 2 / BARE * SIZES_MATCHING[-1]
    each = [(figures[f"matching_holder_cpu_s_{n}"] + figures[f"matching_helper_cpu_s_{n}"]) / n for n in SIZES_MATCHING]
    figures |= {
        f"matching_bare_cpu_s_{SIZES_MATCHING[-1]}": floor,
        "matching_over_bare": each[-1] * SIZES_MATCHING[-1] / 2 / floor,
        "matching_growth": each[-1] / each[-2],
    }
    print(f"the library's own calls for {SIZES_MATCHING[-1]:,}: {floor:.2f} CPU s a party", flush=True)
    return figures


def run() -> dict[str, dict]:
    """Print each size; the goals are the issue's, and that the work is the library's and grows as it should."""
    figures = matchings()
    if (beside := peer(SIZES_MATCHING[-1])) is not None:
        figures |= {
            "openmined_psi_cpu_s_100000": beside["cpu_s"],
            "openmined_psi_megabytes_100000": beside["bytes"] / 1e6,
        }
        ours = figures["matching_holder_cpu_s_100000"] + figures["matching_helper_cpu_s_100000"]
        figures["ratio"] = beside["cpu_s"] / ours
        print(f"openmined-psi: {beside['cpu_s']:.2f} CPU s of both, {beside['bytes'] / 1e6:.2f} MB", flush=True)
    else:
        print("openmined-psi is not installed (make peers): nothing to compare with", file=sys.stderr)
    for count in SIZES_TOKENS:
        figures[f"tokens_s_{count}"] = tokens(count)
        print(f"tokens   {count:>9,}: {figures[f'tokens_s_{count}']:.2f} s", flush=True)
    figures["tokens_growth"] = figures["tokens_s_1000000"] / figures["tokens_s_100000"] / 10
    tracemalloc.start()
    tokens(SIZES_TOKENS[1])
    figures["tokens_bytes_per_member"] = tracemalloc.get_traced_memory()[1] / SIZES_TOKENS[1]
    tracemalloc.stop()
    return {
        "figures": figures,
        "goals": {
            "matching_holder_cpu_s_100000": ("<=", 12),
            "matching_helper_cpu_s_100000": ("<=", 12),
            "matching_over_bare": ("<=", 1.15),
            "matching_growth": ("<=", 1.25),
            "matching_megabytes_100000": ("<=", 10),
            "tokens_s_1000000": ("<=", 60),
            "tokens_growth": ("<=", 1.5),
        },
    }
