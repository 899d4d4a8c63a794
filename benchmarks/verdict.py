"""Single verdicts in process, 100,000 members x 24 items, beside Cedar with policies and entities parsed beforehand.

Ours answers from packed bits, with the reason. Cedar answers yes or no from one member's parsed entity with the items
she allows; what it costs Cedar to take one member's withdrawal into account (a new set of entities) is printed too.
"""

import json
import statistics
import time

import numpy as np

from benchmarks import _programme as programme
from consent_center.consent.bitmap import Bits
from consent_center.consent.catalogue import fold
from consent_center.consent.grant import Act, Said
from consent_center.storage.bits import fold_columns

MEMBERS = 100_000
ROUNDS = 5
OURS_EACH = 100_000
CEDAR_EACH = 5_000
POLICY = """permit (principal, action == Action::"use", resource) when {
  principal.allows.contains(resource) && context.now < principal.until };"""


def columns(draw: np.random.Generator, members: int, share: float) -> np.ndarray:
    """What was said about one item: a yes with this probability, else a no; ends within the coming year."""
    yes = draw.random(members) < share
    at = int(programme.NOW.timestamp())
    ends = (at // 86_400 + draw.integers(1, 366, members)) * 86_400
    rows = np.zeros((members, 7), dtype=np.int64)
    rows[:, 0] = np.arange(1, members + 1)
    rows[:, 1] = np.where(yes, 1, 4)
    rows[:, 2] = at - draw.integers(1, 10**6, members)
    rows[:, 3] = np.where(yes, ends, 0)
    rows[:, 4] = 1
    rows[:, 6] = np.arange(1, members + 1)
    return rows


def world(members: int, share: float = 0.7) -> Bits:
    """Bits of every item."""
    draw = np.random.default_rng(4)
    definitions = (*programme.SCOPES, *programme.PURPOSES, *programme.SITES, programme.notice(programme.NOW))
    catalogue = fold(enumerate(definitions, 1), {item: n for n, item in enumerate(programme.ITEMS, 1)})
    bits = Bits(catalogue.terms)
    for item in programme.ITEMS:
        bits.items[item] = fold_columns(columns(draw, members, share), 0)
    return bits


def run() -> dict[str, object]:
    """Ours and Cedar in alternating rounds."""
    import cedarpy

    draw = np.random.default_rng(5)
    bits = world(MEMBERS)
    at = programme.NOW
    allowed = [bits.allowed(item, at=at) for item in programme.ITEMS]
    names = [str(item) for item in programme.ITEMS]

    def entity(member: int) -> dict[str, object]:
        allows = [
            {"__entity": {"type": "Item", "id": name}} for name, of in zip(names, allowed, strict=True) if member in of
        ]
        return {
            "uid": {"type": "Member", "id": str(member)},
            "attrs": {"allows": allows, "until": 2**40},
            "parents": [],
        }

    written = json.dumps([entity(member) for member in range(1, MEMBERS + 1)])
    start = time.perf_counter()
    entities = cedarpy.Entities.from_json_str(written)
    rebuild = time.perf_counter() - start
    print(f"cedar parsed {MEMBERS} members in {rebuild:.1f} s")
    policies = cedarpy.PolicySet.from_str(POLICY)
    ours_rates, cedar_rates = [], []
    agreed = True
    for number in range(ROUNDS):
        members = draw.integers(1, MEMBERS + 1, OURS_EACH).tolist()
        picked = draw.integers(0, len(names), OURS_EACH).tolist()
        asked = [(programme.ITEMS[place], member) for place, member in zip(picked, members, strict=True)]
        start = time.perf_counter()
        answers = [bits.reason(item, member, at=at) for item, member in asked]
        ours_rates.append(OURS_EACH / (time.perf_counter() - start))
        requests = [
            {
                "principal": f'Member::"{member}"',
                "action": 'Action::"use"',
                "resource": f'Item::"{item}"',
                "context": {"now": 1},
            }
            for item, member in asked[:CEDAR_EACH]
        ]
        start = time.perf_counter()
        theirs = [cedarpy.is_authorized(request, policies, entities).allowed for request in requests]
        cedar_rates.append(CEDAR_EACH / (time.perf_counter() - start))
        agreed &= theirs == [answer.value == "allowed" for answer in answers[:CEDAR_EACH]]
        print(f"round {number + 1}: ours {ours_rates[-1]:.0f}/s, cedar {cedar_rates[-1]:.0f}/s, agree: {agreed}")
    if not agreed:
        raise RuntimeError("ours and cedar disagree: the comparison means nothing")
    taken = []
    for member in draw.integers(1, MEMBERS + 1, 2000).tolist():
        withdrawn = [Said(Act.WITHDRAWN, at, notice=1, entry=10**7)]
        start = time.perf_counter()
        bits.items[programme.ITEMS[0]].put(member, withdrawn)
        visible = bits.reason(programme.ITEMS[0], member, at=at)
        taken.append((time.perf_counter() - start) * 1000)
        if visible.value != "withdrawn":
            raise RuntimeError("a withdrawal was not visible to the next verdict")
    ours, cedar = statistics.median(ours_rates), statistics.median(cedar_rates)
    return {
        "figures": {
            "ours_per_s": round(ours),
            "cedar_per_s": round(cedar),
            "ratio": round(ours / cedar, 1),
            "withdrawal_visible_ms": round(statistics.median(taken), 3),
            "cedar_rebuild_s": round(rebuild, 1),
        },
        "goals": {"ratio": (">=", 10), "withdrawal_visible_ms": ("<=", 10)},
    }
