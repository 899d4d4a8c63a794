"""A notice that the lint holds back waits for a reviewer, who is not its author and says why."""

from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.lint import Finding, lint
from consent_center.consent.notice import Notice
from consent_center.errors import NoticeError, UnknownNoticeError
from consent_center.events import Event
from consent_center.storage import definitions, reviews
from consent_center.storage.reviews import Review
from consent_center.storage.transaction import Transaction


def hold_notice(tx: Transaction, notice: Notice, *, author: str, at: datetime) -> Review:
    """Open the review of a notice that was held back; the same notice again changes nothing.

    Args:
        tx: the transaction.
        notice: exactly as it would be published.
        author: who wants to publish it.
        at: now.

    Raises:
        NoticeError: the lint holds nothing back, or it could not be published whatever a reviewer says.
        UnknownDefinitionError: an item names something that is not defined.
    """
    known_definitions = definitions.catalogue(tx)
    known_definitions.check(notice)
    body, digest = definitions.written(notice)
    if (known := reviews.find(tx, digest)) is not None:
        return known
    blocking = [finding for finding in lint(notice, known_definitions) if finding.blocks]
    if not blocking:
        raise NoticeError("the lint holds nothing of this notice back: publish it")
    findings = tuple(dict.fromkeys(str(finding.rule) for finding in blocking))
    review = Review(digest, notice.code, notice.version, author, findings)
    public = {"notice": notice.code, "version": notice.version, "digest": digest, "findings": list(findings)}
    entry = tx.append(Event.of("notice.held", public=public, private={"author": author}), at=at)
    reviews.add(tx, review, body=body, entry=entry, at=at)
    return review


def show_review(tx: Transaction, digest: str) -> Review:
    """A query for `store.read`: the review of the notice with this digest.

    Raises:
        UnknownNoticeError: no such notice was ever held.
    """
    known = reviews.find(tx, digest)
    if known is None:
        raise UnknownNoticeError(digest, "no such notice is or was held: publish it, or have it reviewed")
    return known


def show_reviews(tx: Transaction, *, only_open: bool = False, after: str = "", limit: int = 100) -> list[Review]:
    """A query for `store.read`: held notices by digest, after one of them."""
    return reviews.listed(tx, only_open=only_open, after=after, limit=limit)


@dataclass(frozen=True)
class HeldNotice:
    """A held notice as a reviewer reads it.

    Attributes:
        notice: exactly as it would be published; None if it was held before bodies were kept.
        findings: what the lint finds in it now.
        published: is this version, or a later one, published already?
    """

    review: Review
    notice: Notice | None
    findings: tuple[Finding, ...]
    published: bool


def show_held_notice(tx: Transaction, digest: str) -> HeldNotice:
    """A query for `store.read`: a held notice with its text.

    Raises:
        UnknownNoticeError: no such notice was ever held.
    """
    review, body, known = show_review(tx, digest), reviews.body(tx, digest), definitions.catalogue(tx)
    notice = definitions.notice_of(body) if body else None
    published = any(code == review.notice and version >= review.version for code, version in known.notices)
    return HeldNotice(review, notice, () if notice is None else lint(notice, known), published)


def decide_review(
    tx: Transaction, digest: str, *, reviewer: str, role: str, passed: bool, reason: str, at: datetime
) -> Review:
    """Let a held notice through, or not.

    Args:
        tx: the transaction.
        digest: of the notice, as `hold_notice` gave it.
        reviewer: who decides.
        role: code of the role in which she does, for the log.
        passed: may it be published?
        reason: why, at least a sentence.
        at: now.

    Raises:
        NoticeError: no such open review, the author herself decides, or no reason.
    """
    known = reviews.find(tx, digest)
    if known is None or known.reviewer:
        raise NoticeError("no open review of such a notice")
    if reviewer == known.author:
        raise NoticeError("the author of a notice cannot review it: ask another reviewer")
    if len(reason.strip()) < 10:
        raise NoticeError("a decision needs a reason that others can judge: at least a sentence")
    reviews.decide(tx, digest, reviewer=reviewer, reason=reason, passed=passed)
    action = "notice.passed" if passed else "notice.rejected"
    private = {"reviewer": reviewer, "reason": reason, "digest": digest}
    tx.append(Event.of("staff.acted", public={"action": action, "role": role}, private=private), at=at)
    return Review(digest, known.notice, known.version, known.author, known.findings, reviewer, reason, passed)
