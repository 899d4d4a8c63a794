"""Proofs as pages show them and as files that anybody can check without us.

Law: "proof checked" is said only of a proof that was verified just now, from the published log.
"""

from dataclasses import dataclass

from starlette.responses import Response

from consent_center.portal.reader import MemberPage
from consent_center.storage.history import Happened
from consent_center.web.published import Head, LogError, Proof


@dataclass(frozen=True)
class ShownProof:
    """A proof as the page shows it.

    Attributes:
        failed: the published log does not agree with the line; the alert is raised by the log's own check.
        witnesses: verified just now.
        key: the log's key, as anybody can pin it.
    """

    failed: bool
    size: int
    digest: str
    witnesses: tuple[str, ...]
    key: str
    is_open: bool


def proof_files(page: MemberPage, one: Happened) -> dict[str, bytes]:
    """What proves one line without us, by name of the file; without the last two as long as it is not published."""
    files = {
        "entry.leaf.json": one.leaf,
        "entry.payload.json": one.payload,
        "entry.salt.txt": f"{one.salt.hex()}\n".encode(),
    }
    head, _ = head_of(page)
    proof = None if head is None else proven(one.leaf, one.index, head)
    if proof is not None and page.wiring.log is not None:
        files |= {"entry.tlog-proof": proof.written, "log-key.txt": f"{page.wiring.log.key.text()}\n".encode()}
    return files


def head_of(page: MemberPage) -> tuple[Head | None, bool]:
    """The published head, and whether what is published cannot be believed."""
    if page.wiring.log is None:
        return None, False
    try:
        return page.wiring.log.head(), False
    except LogError:
        return None, True


def proven(leaf: bytes, index: int | None, head: Head) -> Proof | None:
    """A proof that was verified just now; None if there is none, or none that can be believed."""
    if index is None:
        return None
    try:
        return head.prove(leaf, index)
    except LogError:
        return None


def shown_proof(
    page: MemberPage, leaf: bytes, index: int | None, head: Head | None, *, broken: bool, is_open: bool
) -> ShownProof | None:
    """The proof of one leaf as the page shows it; None as long as there is none."""
    log = page.wiring.log
    if log is None or index is None or (head is None and not broken):
        return None
    key = log.key.text()
    failed = ShownProof(failed=True, size=0, digest="", witnesses=(), key=key, is_open=True)
    if head is None:
        return failed
    try:
        proof = head.prove(leaf, index)
    except LogError:
        return failed
    if proof is None:
        return None
    return ShownProof(
        failed=False, size=proof.size, digest=proof.digest, witnesses=head.witnesses, key=key, is_open=is_open
    )


def file(content: bytes, name: str, media_type: str) -> Response:
    """Something to keep."""
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
