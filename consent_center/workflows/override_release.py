"""The one way round a release check that did not pass: what a reviewer signed, with its reason and end, in the log."""

from dataclasses import replace
from datetime import datetime, timedelta

from consent_center.events import Event, utc_second
from consent_center.storage import releases, runs, staff, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.studies.override import LONGEST, SHORTEST_REASON, Override, read_override
from consent_center.studies.study import Study
from federated.approvals import Pinned
from federated.errors import FederatedError
from federated.passkey_signature import key_text
from federated.plan import digest
from federated.signed import Signed, encode

CLOCKS_DIFFER = timedelta(minutes=5)


def override_release(tx: Transaction, signed: Signed, *, reviewer: str, at: datetime) -> Release:
    """Let a withheld model be used until a moment, under a reviewer's signature.

    Args:
        tx: the transaction.
        signed: the override as she signed it with her own key, from a key file or a passkey.
        reviewer: who presents it; the signature must be hers.
        at: now.

    Raises:
        UnknownReviewerError: nobody by this name may review.
        ReleaseError: it is not signed with her registered key, is about another model, audit, verdict or report than
            the one withheld now, names another role, gives no reason, has no end within 90 days, or comes from
            somebody who had a hand in the study or no longer reviews.
    """
    pinned = studies.reviewer(tx, reviewer)
    try:
        said = read_override(signed, pinned.key)
    except FederatedError as error:
        raise ReleaseError("this override is not signed with the reviewer's registered key") from error
    withheld, study = _withheld(tx, said.model_digest)
    _check(tx, said, pinned, withheld, study, at=at)
    made = replace(
        withheld,
        state="overridden",
        by=reviewer,
        reason=said.reason,
        decided_at=at,
        until=said.until,
        signed=signed,
        key=key_text(pinned.key),
    )
    entry = tx.append(
        Event(
            "release.overridden",
            public={
                "run": withheld.run,
                "study": study.id,
                "model": said.model_digest,
                "verdict": withheld.verdict,
                "report": said.report_digest,
                "role": pinned.role,
                "until": utc_second(said.until),
                "signature": digest(signed.signature),
            },
            private={"reviewer": reviewer, "reason": made.reason},
        ),
        at=at,
    )
    releases.add(tx, made, entry=entry)
    return made


def override_of(
    tx: Transaction, model_digest: str, *, reviewer: str, reason: str, until: datetime, at: datetime
) -> Override:
    """A query: the override that a reviewer would sign now, checked as far as it can be before she signs.

    Raises:
        As `override_release`.
    """
    pinned = studies.reviewer(tx, reviewer)
    withheld, study = _withheld(tx, model_digest)
    made = Override(
        model_digest=model_digest,
        run=withheld.run,
        verdict=withheld.verdict,
        report_digest=digest(encode(withheld.report)),
        reviewer=reviewer,
        role=pinned.role,
        organisation=pinned.organisation,
        reason=reason.strip(),
        at=at,
        until=until,
    )
    _check(tx, made, pinned, withheld, study, at=at)
    return made


def _withheld(tx: Transaction, model_digest: str) -> tuple[Release, Study]:
    found = releases.latest(tx, model_digest)
    if found is None or found.state != "withheld":
        raise ReleaseError("only a withheld model can be let through")
    return found, studies.get(tx, runs.get(tx, found.run).study)


def _check(tx: Transaction, said: Override, pinned: Pinned, withheld: Release, study: Study, *, at: datetime) -> None:
    about = said.run, said.verdict, said.report_digest
    if about != (withheld.run, withheld.verdict, digest(encode(withheld.report))):
        raise ReleaseError("the override is about another audit than the one that withheld the model: sign anew")
    if (said.reviewer, said.role, said.organisation) != (pinned.reviewer, pinned.role, pinned.organisation):
        raise ReleaseError("the override names another reviewer, role or organisation than was registered")
    if said.reviewer in {study.author, *study.designers}:
        raise ReleaseError("somebody who had a hand in the study cannot let its model through")
    person = staff.find(tx, said.reviewer)
    if person is not None and (not person.is_here(at=at) or person.answers_as is None):
        raise ReleaseError("this person no longer reviews: ask somebody whose role it is")
    if len(said.reason.strip()) < SHORTEST_REASON:
        raise ReleaseError("an override needs a reason that others can judge: at least a sentence")
    if not at < said.until <= at + LONGEST:
        raise ReleaseError("an override ends: choose a moment within 90 days")
    if not abs(at - said.at) <= CLOCKS_DIFFER:
        raise ReleaseError("the override was signed at another time: sign it again now")
