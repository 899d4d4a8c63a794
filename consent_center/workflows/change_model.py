"""A released model is suspended, or retired for good; from then on nothing is scored with it and nobody is told."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from consent_center.events import Event
from consent_center.storage import releases, runs, staff, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError, StaffError
from consent_center.studies.roles import Act

Change = Literal["suspended", "retired"]
CODES = ("drift", "withdrawals", "contract-ended", "replaced", "complaint", "by-hand")
"""Why, as the log shows it."""


def change_model(
    tx: Transaction, model_digest: str, *, to: Change, code: str, by: str, reason: str, at: datetime
) -> Release:
    """Suspend or retire a model. A suspended one can be retired; neither is ever released again: audit it anew.

    Args:
        tx: the transaction.
        model_digest: of its package.
        to: suspended or retired.
        code: one of `CODES`.
        by: who does it: an account that may suspend studies.
        reason: at least a sentence, for others to judge.
        at: now.

    Raises:
        ReleaseError: no such model, it is in this state already or retired, or no reason or code is given.
        StaffError: nobody who may.
    """
    last = releases.latest(tx, model_digest)
    if last is None:
        raise ReleaseError("no decision was made about this model yet")
    if last.state in ("retired", to):
        raise ReleaseError(f"this model is {last.state} already")
    person = staff.find(tx, by)
    if person is None or not (person.is_here(at=at) and person.may(Act.SUSPEND_STUDY)):
        raise StaffError("only a reviewer or compliance takes a model out of use: name her account")
    if code not in CODES:
        raise ReleaseError(f"a code is one of {', '.join(CODES)}")
    if len(reason.strip()) < 20:
        raise ReleaseError("give a reason that others can judge: at least a sentence")
    made = replace(last, state=to, by=by, reason=reason.strip(), decided_at=at, until=None, signed=None, key="")
    study = studies.get(tx, runs.get(tx, last.run).study)
    entry = tx.append(
        Event(
            f"model.{to}",
            public={
                "run": last.run,
                "study": study.id,
                "model": model_digest,
                "verdict": last.verdict,
                "code": code,
            },
            private={"by": by, "reason": made.reason},
        ),
        at=at,
    )
    releases.add(tx, made, entry=entry)
    return made
