"""Law: a withheld model is let through only by what a registered reviewer signed: this model, this audit, this verdict,
this report, a reason and an end. Whatever is changed, unsigned, stale, past or self-serving lets nothing through."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select

from consent_center.errors import UnknownReviewerError
from consent_center.events import Event
from consent_center.storage import releases, studies
from consent_center.studies.errors import ReleaseError
from consent_center.studies.override import KIND, Override, override_bytes, read_override, sign_override
from consent_center.workflows.override_release import override_of, override_release
from consent_center.workflows.release_model import release_model
from federated.approvals import Approval, Pinned, approval_bytes, read_approval
from federated.errors import FederatedError, MalformedError, SignatureError
from federated.plan import digest
from federated.signed import Signed, sign
from tests.audits.auditing import EVEN, LATER, REASON, UNEVEN, Audits, results
from tests.consent_center.world import DAY, NOW

SAID = Override("ab" * 32, "run-1", "FAIL", "cd" * 32, "lai", "technology", "programme", REASON, NOW, NOW + DAY)
KEY = Ed25519PrivateKey.generate()


def withheld(office: Audits, name: str = "churn-1") -> bytes:
    run, model = office.train(name, results(UNEVEN))
    assert office.store.run(release_model, run, at=NOW).state == "withheld"
    return model


def usable(office: Audits, model: bytes, *, at=NOW) -> bool:
    return releases.is_usable(office.store.read(releases.latest, digest(model)), at=at)


def test_what_was_signed_is_read_back() -> None:
    assert read_override(sign_override(SAID, KEY), KEY.public_key()) == SAID


def test_an_override_is_no_approval_and_an_approval_no_override() -> None:
    answer = Approval("s", "ab" * 32, "lai", "technology", "programme", "yes", REASON, NOW)
    with pytest.raises(MalformedError):
        read_override(sign(KEY, kind=KIND, payload=approval_bytes(answer)), KEY.public_key())
    with pytest.raises(MalformedError):
        read_approval(sign(KEY, kind="approval/v1", payload=override_bytes(SAID)), KEY.public_key())
    with pytest.raises(SignatureError):
        read_override(Signed("approval/v1", override_bytes(SAID), b"x"), KEY.public_key())


@pytest.mark.parametrize("payload", [b"[]", b"{}", override_bytes(SAID)[:-1] + b',"more":1}', b'{"statement":"x"}'])
def test_a_signed_document_of_another_shape_is_no_override(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        read_override(sign(KEY, kind=KIND, payload=payload), KEY.public_key())


def test_every_changed_byte_breaks_the_signature() -> None:
    signed = sign_override(SAID, KEY)
    for at in range(0, len(signed.payload), 7):
        changed = bytearray(signed.payload)
        changed[at] ^= 1
        with pytest.raises(SignatureError):
            read_override(replace(signed, payload=bytes(changed)), KEY.public_key())


def test_a_signed_override_lets_the_model_through_until_it_ends(office: Audits) -> None:
    model = withheld(office)
    assert not usable(office, model)
    made = office.override(model)
    assert made.state == "overridden"
    assert usable(office, model)
    end = NOW + 20 * DAY
    assert usable(office, model, at=end - timedelta(microseconds=1))
    assert not usable(office, model, at=end)


CHANGED = (
    ({"key": "huang"}, "registered key"),
    ({"model_digest": "ab" * 32}, "withheld model"),
    ({"run": "run-9"}, "another audit"),
    ({"verdict": "PASS"}, "another audit"),
    ({"report_digest": "ab" * 32}, "another audit"),
    ({"reviewer": "huang"}, "another reviewer"),
    ({"role": "legal"}, "another reviewer"),
    ({"organisation": "grocer"}, "another reviewer"),
    ({"reason": "because"}, "reason"),
    ({"until": NOW}, "90 days"),
    ({"until": NOW + 90 * DAY + timedelta(seconds=1)}, "90 days"),
    ({"at": NOW - timedelta(minutes=6)}, "another time"),
    ({"at": NOW + timedelta(minutes=6)}, "another time"),
)


def test_any_other_statement_lets_nothing_through(office: Audits) -> None:
    model = withheld(office)
    for changes, said in CHANGED:
        with pytest.raises(ReleaseError, match=said):
            office.override(model, **changes)
        assert not usable(office, model)
    assert office.override(model).state == "overridden"


def test_ninety_days_to_the_second_are_allowed(office: Audits) -> None:
    assert office.override(withheld(office), until=NOW + 90 * DAY).state == "overridden"


def test_an_override_of_one_model_lets_no_other_through(office: Audits) -> None:
    one, other = withheld(office), withheld(office, "churn-2")
    office.override(one)
    assert usable(office, one)
    assert not usable(office, other)


def test_an_override_cannot_be_handed_in_twice(office: Audits) -> None:
    model = withheld(office)
    made = office.override(model)
    with pytest.raises(ReleaseError, match="only a withheld model"):
        office.store.run(override_release, made.signed, reviewer="lai", at=NOW)


def test_nobody_lets_through_what_passed_or_was_never_judged(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    for _ in range(2):
        with pytest.raises(ReleaseError, match="only a withheld model"):
            office.override(model)
        if office.store.read(releases.latest, digest(model)) is None:
            office.store.run(release_model, run, at=NOW)


def test_nobody_unregistered_and_nobody_with_a_hand_in_the_study_lets_a_model_through(office: Audits) -> None:
    model = withheld(office)
    with pytest.raises(UnknownReviewerError):
        office.override(model, by="wu")
    office.programme.keys["wu"] = Ed25519PrivateKey.generate()
    author = Pinned("wu", "technology", "programme", office.programme.keys["wu"].public_key())
    office.store.run(_among_the_reviewers, author)
    with pytest.raises(ReleaseError, match="hand in the study"):
        office.override(model, by="wu")
    assert not usable(office, model)


def _among_the_reviewers(tx, pinned: Pinned) -> None:
    """An author among the reviewers, as no workflow would put her there."""
    entry = tx.append(Event("reviewer.registered", public={"role": pinned.role, "key": "ab" * 32}), at=NOW)
    studies.add_reviewer(tx, pinned, entry=entry)


def test_an_override_that_was_changed_in_the_database_no_longer_counts(office: Audits) -> None:
    model = withheld(office)
    office.override(model)
    for column, value in (
        ("until", "2099-01-01T00:00:00.000000+00:00"),
        ("reason", "Any reason that somebody else wrote into it."),
        ("by", "huang"),
        ("verdict", "INCONCLUSIVE"),
        ("report", "{}"),
        ("document", None),
        ("public_key", "ab" * 32),
        ("public_key", None),
        ("run", "run-2"),
    ):
        with pytest.raises(UndoneError):
            office.store.run(_tampered, column, value, model)
    assert usable(office, model)


class UndoneError(Exception):
    """Takes the tampering back."""


def _tampered(tx, column: str, value: object, model: bytes) -> None:
    row = tx.session.exec(select(releases.ReleaseRow).where(releases.ReleaseRow.state == "overridden")).one()
    kept = releases._release(row)
    setattr(row, column, value)
    changed = releases._release(row)
    assert releases.is_usable(kept, at=NOW)
    assert not releases.is_usable(changed, at=NOW), column
    raise UndoneError


def test_what_she_would_sign_is_checked_before_she_signs(office: Audits) -> None:
    model = withheld(office)
    with pytest.raises(ReleaseError, match="reason"):
        office.store.read(override_of, digest(model), reviewer="lai", reason="so", until=NOW + DAY, at=NOW)


def test_a_withheld_model_that_was_overridden_and_passed_is_released_on_its_own(office: Audits) -> None:
    model = withheld(office)
    office.override(model)
    run = office.again("again-1", model, results(EVEN), at=LATER)
    office.store.run(release_model, run, at=LATER)
    assert usable(office, model, at=NOW + 365 * DAY)


def test_documents_that_are_not_overrides_are_refused_in_one_line(office: Audits) -> None:
    withheld(office)
    with pytest.raises(ReleaseError, match="not signed with"):
        office.store.run(override_release, Signed(KIND, b"nothing", b"none"), reviewer="lai", at=NOW)
    assert issubclass(MalformedError, FederatedError)
