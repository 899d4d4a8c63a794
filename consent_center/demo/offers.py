"""A released model meets members: scored at the site, told with reasons, stopped by a withdrawal, changed by a tag.

Nothing here is staged: the scoring is a study of its own, approved and charged; whoever would be told first takes her
yes back after her score exists; what a member is shown comes from the site and opens the commitment in the log.
"""

import secrets
from dataclasses import replace
from typing import Any

from consent_center.clearing import StoreClearing
from consent_center.demo.asking import Words, approve, file_and_assess
from consent_center.demo.people import withdrawal
from consent_center.demo.programme import COUNTRY, OFFERS, PURCHASES
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage
from consent_center.gate import StoreGate
from consent_center.offers.explanation import say_decision
from consent_center.storage import members
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.show_decisions import list_decisions, open_decisions, pseudonyms_of
from federated.models.histories import department_names
from federated.models.package import Package, parse_package
from federated.models.score_plan import score_plan
from federated.site.decisions import Kept
from federated.site.member_desk import MemberDesk
from federated.site.offers import Brand, Told, tell_members
from federated.site.scorebook import ScoreBook
from federated.site.scoring import Desk, Scored, open_desk, score_members
from federated.site.tags import TASTE

STUDY = "offers-2026-11"
MOST_TOLD = 10
WORDS = Words(
    title="Offers for members who may come less often, or may like something new",
    reason="An offer that suits a member may bring her back; one that does not is a nuisance.",
    benefits="Fewer offers, better chosen; each with its reasons, and a way to say no to any of it.",
)
BRAND = Brand(
    default="say-hello",
    retention={"recency_weeks": "welcome-back", "visits_8w": "double-points", "complained": "call-her"},
    actionable=("visits_8w",),
    holdout=0.0,
)


def make_offers(stage: Stage, package: bytes, show: Show) -> dict[str, Any]:
    """Score, tell, be stopped, and score again at the first site; returns what happened, for the report.

    Args:
        stage: with a model that is released, or let through for now.
        package: the model.
        show: where it is told.
    """
    site, trained = stage.federation.sites[0].site, parse_package(package)
    desk = open_desk(stage.sites[site], clock=stage.world.clock, draw_nonce=lambda: secrets.token_hex(16))
    if (noise := stage.world.noise()) is not None:
        desk = replace(desk, noise=noise)
    try:
        return _Stand(stage, desk, site, package, trained, show).tell()
    finally:
        desk.store.close()


class _Stand:
    def __init__(self, stage: Stage, desk: Desk, site: str, package: bytes, trained: Package, show: Show) -> None:
        self.stage, self.desk, self.site, self.package, self.trained, self.show = (
            stage, desk, site, package, trained, show,
        )  # fmt: skip
        self.relay, self.book = MemberDesk(desk.store), ScoreBook(desk.store)

    def tell(self) -> dict[str, Any]:
        """Everything in order."""
        self._approve()
        first = self._score()
        share = first.flagged / max(first.members, 1)
        self.show.line(
            f"{self.site}: {first.members} members scored whose verdict for offers is yes, {share:.1%} selected; "
            "one noised histogram left the site."
        )
        self._withdraw_next(first.run)
        delivered: list[Kept] = []
        told = self._tell(delivered)
        if told.refused != {"no-verdict": 1} or not delivered:
            raise AssertionError(f"the first member withdrew, and yet {told.refused} and {told.told} told")
        self.show.refused("no-verdict", "she took her yes back after her score existed: nothing is sent")
        sentence = self._shown(delivered[0])
        self.show.line(f"{told.told} members were told. The page of one of them says:")
        self.show.quote(sentence)
        tag, effect = self._delete_a_tag(delivered[0].pseudonym, first.run)
        self.show.line(effect)
        return {
            "site": self.site,
            "study": STUDY,
            "run": first.run,
            "scored": first.members,
            "selected": first.flagged,
            "told": told.told,
            "refused": dict(told.refused),
            "decision": {"kind": delivered[0].document["kind"], "said": sentence, "opens": True},
            "tag_deleted": tag,
            "after_deletion": effect,
        }

    def _approve(self) -> None:
        plan = score_plan(
            study=STUDY,
            country=COUNTRY,
            site=self.site,
            purpose=OFFERS,
            scopes=(PURCHASES,),
            package=self.package,
            threshold=float(self.trained.parsed_plan().settings["threshold"]),
            horizon_days=self.trained.parsed_plan().horizon_days,
        )
        study, _ = file_and_assess(self.stage, plan, WORDS, automated=True)
        approve(self.stage, study)

    def _score(self) -> Scored:
        stage = self.stage
        gate = StoreGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)
        return score_members(self.desk, gate, self.package, study=STUDY)

    def _withdraw_next(self, run: str) -> None:
        """Whoever would be told first takes back what she allowed."""
        threshold = float(self.trained.parsed_plan().settings["threshold"])
        first = next(
            pseudonym
            for block in self.book.blocks(run)
            for pseudonym, score in zip(block.pseudonyms, block.columns["score"], strict=True)
            if score >= threshold
        )
        member = self.stage.store.read(members.by_pseudonym, self.site, [first])[first]
        said = withdrawal(member, self.stage.notices, self.site)
        self.stage.store.run(make_statements, said, at=self.stage.world.clock())

    def _tell(self, delivered: list[Kept]) -> Told:
        stage = self.stage
        clearing = StoreClearing(stage.store, signer=stage.signer, clock=stage.world.clock)
        return tell_members(
            self.desk,
            clearing,
            self.trained,
            study=STUDY,
            brand=BRAND,
            deliver=delivered.append,
            most=MOST_TOLD,
        )

    def _shown(self, kept: Kept) -> str:
        """What her page says, exactly as the page comes by it."""
        store = self.stage.store
        member = store.read(members.by_pseudonym, self.site, [kept.pseudonym])[kept.pseudonym]
        listed = store.read(list_decisions, member)
        (shown,) = open_decisions(listed, store.read(pseudonyms_of, member), {self.site: self.relay})
        if shown.document is None or not shown.opens:
            raise AssertionError("what the site relays does not open the commitment in the log")
        return say_decision(shown.document, language="en")

    def _delete_a_tag(self, pseudonym: bytes, before: str) -> tuple[str, str]:
        """She deletes the first thing that is said of her, and the site scores again."""
        tag = self.relay.tags_of(pseudonym)[0].name
        self.relay.delete_tag(pseudonym, tag, at=self.stage.world.clock())
        was = self._departments(self.book.of_member(before, pseudonym))
        after = self.book.of_member(self._score().run, pseudonym)
        if not tag.startswith(TASTE):
            if after is not None:
                raise AssertionError("she deleted the tag and was scored for it again")
            return tag, f"She deletes “{tag}”: the next scoring leaves her out."
        shelf, now = tag.removeprefix(TASTE), self._departments(after)
        if shelf in now:
            raise AssertionError("she deleted a taste and its department is still recommended")
        return (
            tag,
            f"She deletes “{tag}”: her next list has nothing of it ({', '.join(was)} before, {', '.join(now)} now).",
        )

    def _departments(self, hers: dict[str, Any] | None) -> list[str]:
        """The departments of her list of new things, in its order."""
        features = self.trained.parsed_plan().features
        if hers is None or f"new:{features[0].name}" not in hers:
            return []
        items = [features[0].categories[int(item)] for item in hers[f"new:{features[0].name}"] if item >= 0]
        return [name for name in department_names(features[0]) if any(item.startswith(f"{name}/") for item in items)]
