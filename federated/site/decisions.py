"""The site's register of automated decisions that reached a member, or were about to.

Each is kept with model, time, score, label and horizon, reasons and what would change it; the consent centre holds a
salted commitment to it in the log and no copy. What she answers is kept beside it and never changes it.

    proposed -> cleared -> told      or      proposed -> refused (with the code)
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from federated.clearance import SALT_BYTES, DecisionKind, Proposal, commitment_of
from federated.errors import MalformedError
from federated.models.explain import Change, Reason
from federated.site.store import SiteStore

Answer = Literal["right", "not-for-me", "unfair"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
Outcome = Literal["upheld", "changed"]
"""What a person answered whom a member asked to look."""
RULED = "rule"
"""The label of what a rule decided: it estimates nothing."""
CouponReason = Literal["expired", "already-used", "minimum-not-reached", "not-this-product"]
"""Rules that refuse a coupon; each has its words in `consent_center.offers.phrases`."""
State = Literal["proposed", "cleared", "refused", "told"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    commitment TEXT PRIMARY KEY, pseudonym BLOB NOT NULL, salt BLOB NOT NULL, document TEXT NOT NULL, at TEXT NOT NULL,
    state TEXT NOT NULL, code TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_of ON decisions (pseudonym, at);
CREATE TABLE IF NOT EXISTS decision_answers (
    number INTEGER PRIMARY KEY, commitment TEXT NOT NULL REFERENCES decisions(commitment), answer TEXT NOT NULL,
    words TEXT NOT NULL, at TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class Decision:
    """One automated decision about one member.

    Attributes:
        kind: offer, recommendation, or a coupon that was refused (the reason is then the true one).
        run: the scoring run that it rests on.
        model: digest of the model's package.
        study: of the scoring.
        label: what the score estimates, in the study's words, such as "at risk".
        horizon_days: how far ahead it looks.
        score: hers, in [0, 1].
        threshold: at or above it she was selected.
        action: what was decided: a code of the site's own table of retention actions, or the items recommended.
        reasons: at most three, of this model.
        change: one thing that would have changed it, or None.
    """

    kind: DecisionKind
    run: str
    model: str
    study: str
    label: str
    horizon_days: int
    score: float
    threshold: float
    action: tuple[str, ...]
    reasons: tuple[Reason, ...]
    change: Change | None
    at: datetime

    def document(self) -> dict[str, Any]:
        """As JSON data: what the commitment covers and what she is shown."""
        return {**asdict(self), "at": self.at.isoformat()}


@dataclass(frozen=True)
class Kept:
    """A decision as it is kept.

    Attributes:
        salt: opens the commitment together with the document.
        document: `Decision.document` as it was committed to.
        code: why it was refused; empty otherwise.
        answers: what she said to it, and what a person whom she asked then answered, oldest first.
    """

    commitment: str
    pseudonym: bytes
    salt: bytes
    document: Mapping[str, Any]
    state: State
    code: str
    answers: tuple[tuple[Answer | Outcome, str, datetime], ...] = ()


class Decisions:
    """The register in a site's database."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store
        with store.transaction() as database:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)

    def propose(self, decisions: Iterable[tuple[bytes, Decision]]) -> tuple[Proposal, ...]:
        """Keep decisions that no member knows yet, and what is sent to the consent centre about them."""
        proposals, rows = [], []
        for pseudonym, decision in decisions:
            salt, document = secrets.token_bytes(SALT_BYTES), decision.document()
            commitment = commitment_of(salt, document)
            rows.append((commitment, pseudonym, salt, json.dumps(document), decision.at.isoformat(), "proposed", ""))
            proposals.append(Proposal(pseudonym.hex(), decision.kind, commitment))
        with self._store.transaction() as database:
            database.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        return tuple(proposals)

    def settle(self, cleared: Sequence[str], refused: Mapping[str, str]) -> None:
        """Keep what the consent centre answered; a clearance that was not used in time can still become a no."""
        with self._store.transaction() as database:
            database.executemany(
                "UPDATE decisions SET state = 'cleared' WHERE commitment = ? AND state = 'proposed'",
                [(one,) for one in cleared],
            )
            database.executemany(
                "UPDATE decisions SET state = 'refused', code = ? "
                "WHERE commitment = ? AND state IN ('proposed', 'cleared')",
                [(code, one) for one, code in refused.items()],
            )

    def told(self, commitments: Sequence[str]) -> None:
        """These reached their member."""
        with self._store.transaction() as database:
            database.executemany(
                "UPDATE decisions SET state = 'told' WHERE commitment = ? AND state = 'cleared'",
                [(one,) for one in commitments],
            )

    def pending(self, study: str) -> tuple[Kept, ...]:
        """Decisions of a study that were proposed or cleared and did not reach their member yet, oldest first."""
        with self._store.reading() as database:
            rows = database.execute(
                "SELECT commitment, pseudonym, salt, document, state, code FROM decisions WHERE "
                "state IN ('proposed', 'cleared') AND json_extract(document, '$.study') = ? ORDER BY at, commitment",
                (study,),
            ).fetchall()
        return tuple(
            Kept(one, bytes(whose), bytes(salt), json.loads(document), state, code)
            for one, whose, salt, document, state, code in rows
        )

    def decided_in(self, run: str) -> frozenset[bytes]:
        """Members about whom this run has been decided already: deciding again changes nothing."""
        with self._store.reading() as database:
            found = database.execute(
                "SELECT pseudonym FROM decisions WHERE json_extract(document, '$.run') = ?",
                (run,),
            ).fetchall()
        return frozenset(bytes(one) for (one,) in found)

    def of_member(self, pseudonym: bytes) -> tuple[Kept, ...]:
        """All that was decided about a member, newest first, with what would open the commitments."""
        with self._store.reading() as database:
            rows = database.execute(
                "SELECT commitment, pseudonym, salt, document, state, code FROM decisions "
                "WHERE pseudonym = ? AND state IN ('cleared', 'told', 'refused') ORDER BY at DESC, commitment",
                (pseudonym,),
            ).fetchall()
            answers = database.execute(
                "SELECT commitment, answer, words, at FROM decision_answers ORDER BY number"
            ).fetchall()
        said: dict[str, list[tuple[Answer | Outcome, str, datetime]]] = {}
        for commitment, answer, words, at in answers:
            said.setdefault(commitment, []).append((answer, words, datetime.fromisoformat(at)))
        return tuple(
            Kept(one, bytes(whose), bytes(salt), json.loads(document), state, code, tuple(said.get(one, ())))
            for one, whose, salt, document, state, code in rows
        )

    def answer(self, pseudonym: bytes, commitment: str, answer: Answer, *, words: str, at: datetime) -> None:
        """Keep what she says to a decision about her.

        Raises:
            MalformedError: no such decision about her, or not one of the three answers.
        """
        if answer not in ANSWERS:
            raise MalformedError(f"an answer is one of {', '.join(ANSWERS)}")
        self._say(pseudonym, commitment, answer, words, at)

    def reviewed(self, pseudonym: bytes, commitment: str, outcome: Outcome, *, words: str, at: datetime) -> None:
        """Keep what a person answered to a decision that she called unfair.

        Raises:
            MalformedError: no such decision about her, or not one of the two outcomes.
        """
        if outcome not in get_args(Outcome):
            raise MalformedError(f"a person's answer is one of {', '.join(get_args(Outcome))}")
        self._say(pseudonym, commitment, outcome, words, at)

    def _say(self, pseudonym: bytes, commitment: str, said: str, words: str, at: datetime) -> None:
        if commitment not in {one.commitment for one in self.of_member(pseudonym)}:
            raise MalformedError("no such decision about this member")
        with self._store.transaction() as database:
            database.execute(
                "INSERT INTO decision_answers (commitment, answer, words, at) VALUES (?, ?, ?, ?)",
                (commitment, said, words[:2000], at.isoformat()),
            )

    def reached(self, kind: str) -> dict[bytes, str]:
        """Members whom a decision of this kind reached -> the last answer of theirs to one; empty if none."""
        with self._store.reading() as database:
            rows = database.execute(
                "SELECT d.pseudonym, a.answer FROM decisions d LEFT JOIN decision_answers a "
                "ON a.commitment = d.commitment AND a.answer IN ('right', 'not-for-me', 'unfair') "
                "WHERE d.state = 'told' AND json_extract(d.document, '$.kind') = ? ORDER BY a.number",
                (kind,),
            ).fetchall()
        return {bytes(whose): answer or "" for whose, answer in rows}

    def forget_decision(self, commitment: str) -> None:
        """Drop a decision that was never cleared: nothing in the log points to it."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM decisions WHERE commitment = ? AND state <> 'told'", (commitment,))

    def forget(self, pseudonym: bytes) -> None:
        """She is erased: decisions, reasons, salts and answers go; the commitments in the log open no more."""
        with self._store.transaction() as database:
            database.execute(
                "DELETE FROM decision_answers WHERE commitment IN "
                "(SELECT commitment FROM decisions WHERE pseudonym = ?)",
                (pseudonym,),
            )
            database.execute("DELETE FROM decisions WHERE pseudonym = ?", (pseudonym,))
