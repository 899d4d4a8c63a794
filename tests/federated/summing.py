"""The small federation of `world`, with shared noise: peers pinned, the plan changed and approved again."""

from __future__ import annotations

from collections.abc import Callable

from federated.exchange import kind_of
from federated.keyfile import read_key
from federated.plan import plan_bytes
from federated.shared_noise import with_shared_noise
from federated.site.folder import open_site, pin_peers
from privacy.samplers import Sampler
from tests.federated.world import SeededNoise, World, approve


def sharing(world: World, *, dropouts: int = 0, noise: Callable[[int], Sampler] = SeededNoise) -> World:
    """The same world, summing under masks."""
    keys = {site: read_key(folder.speak_key_file).public_key() for site, folder in world.folders.items()}
    for site, folder in world.folders.items():
        pin_peers(folder, {other: key for other, key in keys.items() if other != site})
    world.plan = with_shared_noise(world.plan, dropouts=dropouts)
    world.gate.plan = plan_bytes(world.plan)
    world.gate.approvals = approve(world.gate.plan, world.reviewers)
    for index, (site, folder) in enumerate(world.folders.items()):
        world.agents[site].close()
        world.agents[site] = open_site(folder, clock=world.clock, noise=noise(index))
    return world


class Unreliable:
    """A site that is silent for some messages: `lost` says which, of (kind, how often that kind came so far)."""

    def __init__(
        self, answer: Callable[[bytes], bytes], lost: Callable[[str, int], bool], *, after: bool = False
    ) -> None:
        self.answer, self.lost, self.after = answer, lost, after
        self.seen: dict[str, int] = {}

    def __call__(self, message: bytes) -> bytes:
        kind = kind_of(message)
        self.seen[kind] = self.seen.get(kind, 0) + 1
        gone = self.lost(kind, self.seen[kind])
        if gone and not self.after:
            raise OSError("silent")
        reply = self.answer(message)
        if gone:
            raise OSError("the answer was lost")
        return reply
