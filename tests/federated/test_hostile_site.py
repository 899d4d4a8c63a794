"""Law: one hostile site that inverts its updates is held back by what every site measures on its held-out members.

Clipping bounds what it can add, masks hide which site it is, and the held-out check sees that the model ranks worse.
"""

from pathlib import Path

from federated.exchange import kind_of, parse_reply, reply_bytes
from federated.flower.embedded import run_embedded
from tests.federated.world import NoNoise, World, build_world


def trained(folder: Path, *, hostile: float = 0.0) -> float:
    """AUC on the held-out members; `hostile` multiplies what one of four sites sends, with the sign turned."""
    world = build_world(
        folder,
        members=120,
        epsilon=20.0,
        epsilon_histogram=20.0,
        rounds=15,
        run=(60, 30),
        year=(60, 30),
        noise=NoNoise(),
    )
    report = run_embedded(world.gate, "study-1", {**world.answers, "west": inverting(world, hostile)})  # type: ignore[dict-item]
    assert report.outcome == "completed"
    return float(report.results["histogram"]["auc"])


def inverting(world: World, factor: float) -> object:
    def answer(message: bytes) -> bytes:
        sent = world.agent("west").answer(message)
        if not factor or kind_of(sent) != "reply":
            return sent
        reply = parse_reply(sent)
        turned = {name: -factor * values if name == "gradient" else values for name, values in reply.outputs.items()}
        return reply_bytes(type(reply)(**{**reply.__dict__, "outputs": turned}))

    return answer


def test_a_site_that_inverts_its_updates_many_times_over_is_seen_by_the_held_out_check(tmp_path: Path) -> None:
    honest = trained(tmp_path / "honest")
    poisoned = trained(tmp_path / "poisoned", hostile=10.0)
    assert honest > 0.8
    assert poisoned < honest - 0.2


def test_an_update_within_the_clip_bound_does_little(tmp_path: Path) -> None:
    """With its sign turned and no more weight than its members have, three honest sites outvote it."""
    assert trained(tmp_path / "poisoned", hostile=1.0) > trained(tmp_path / "honest") - 0.1
