"""The one way round a release check that did not pass: a named reviewer, a reason, an expiry, in the log."""

from dataclasses import replace
from datetime import datetime, timedelta

from consent_center.events import Event, utc_second
from consent_center.storage import releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError

LONGEST = timedelta(days=90)


def override_release(
    tx: Transaction, model_digest: str, *, reviewer: str, reason: str, until: datetime, at: datetime
) -> Release:
    """Let a withheld model be used until a moment, under a reviewer's name.

    Raises:
        UnknownReviewerError: nobody by this name may review.
        ReleaseError: nothing is withheld, no reason is given, the expiry is past or more than 90 days away, or the
            author of the study asks for it herself.
    """
    pinned = studies.reviewer(tx, reviewer)
    withheld = releases.latest(tx, model_digest)
    if withheld is None or withheld.state != "withheld":
        raise ReleaseError("only a withheld model can be let through")
    if len(reason.strip()) < 20:
        raise ReleaseError("an override needs a reason that others can judge: at least a sentence")
    if not at < until <= at + LONGEST:
        raise ReleaseError("an override ends: choose a moment within 90 days")
    study = studies.get(tx, runs.get(tx, withheld.run).study)
    if reviewer == study.author:
        raise ReleaseError("the author of the study cannot let her own model through")
    made = replace(withheld, state="overridden", by=reviewer, reason=reason.strip(), decided_at=at, until=until)
    entry = tx.append(
        Event(
            "release.overridden",
            public={
                "run": withheld.run,
                "study": study.id,
                "model": model_digest,
                "verdict": withheld.verdict,
                "role": pinned.role,
                "until": utc_second(until),
            },
            private={"reviewer": reviewer, "reason": made.reason},
        ),
        at=at,
    )
    releases.add(tx, made, entry=entry)
    return made
