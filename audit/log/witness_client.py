"""Ask a witness to cosign a checkpoint.

Source: C2SP tlog-witness.
"""

import http.client
import urllib.error
import urllib.request
from http import HTTPStatus

from audit.errors import ConflictError, FormatError, UnreadableError, WitnessRefusalError
from audit.log.checkpoint import parse
from audit.log.cosignature import CosignerKey
from audit.log.lines import read_decimal
from audit.log.note import parse_note, parse_signature_lines
from audit.log.proofs import Subtrees, consistency_proof
from audit.log.witness import AddCheckpoint

TIMEOUT_S = 10.0
MAX_ANSWER_SIZE = 100_000


def cosign(address: str, key: CosignerKey, checkpoint: bytes, subtrees: Subtrees, *, old_size: int = 0) -> bytes:
    """Get the cosignature of one witness on a checkpoint.

    Args:
        address: the witness's submission prefix.
        key: its key; lines by other keys in its answer are ignored.
        checkpoint: the signed checkpoint, as a note.
        subtrees: where hashes of the log are read, for the consistency proof.
        old_size: the size it cosigned last, if known; otherwise it says so and is asked again.

    Returns:
        Its cosignature line, verified; append it to the note.

    Raises:
        ConflictError: the witness has cosigned a larger size, or another root for this one. A log that meets this after
            its database was restored must not sign anything until a person has decided.
        WitnessRefusalError: it refused for another reason, or its answer is not a cosignature.
        UnreadableError: it did not answer.
    """
    head = parse(checkpoint)
    try:
        return _ask(address, key, checkpoint, subtrees, old_size)
    except ConflictError as conflict:
        if conflict.fork or conflict.size > head.size or conflict.size == old_size:
            raise
        return _ask(address, key, checkpoint, subtrees, conflict.size)


def _ask(address: str, key: CosignerKey, checkpoint: bytes, subtrees: Subtrees, old_size: int) -> bytes:
    head = parse(checkpoint)
    proof = consistency_proof(old_size, head.size, subtrees)
    status, body = _post(address, AddCheckpoint(old_size, proof, checkpoint).body())
    if status == HTTPStatus.CONFLICT:
        size = _size(body, address)
        raise ConflictError(size=size, fork=size == old_size == head.size)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and old_size == head.size:
        # Nothing but the root can be wrong where nothing had to be proven; some witnesses say it with 422.
        raise ConflictError(size=old_size, fork=True)
    if status != HTTPStatus.OK:
        said = body[:200].decode("utf-8", "replace").strip()
        raise WitnessRefusalError(ascii(said), witness=address, status=status)
    text = parse_note(checkpoint).text
    try:
        lines = [line for line in parse_signature_lines(body) if (line.name, line.key_id) == (key.name, key.key_id)]
    except FormatError as failure:
        raise WitnessRefusalError(f"its answer is {failure}", witness=address, status=status) from None
    if not lines:
        raise WitnessRefusalError("its answer has no line by its key", witness=address, status=status)
    key.verify(text, lines[0].signature)
    return lines[0].line()


def _size(body: bytes, address: str) -> int:
    try:
        return read_decimal(body.decode("ascii", "replace").removesuffix("\n"), "tlog size")
    except FormatError as failure:
        raise WitnessRefusalError(str(failure), witness=address, status=HTTPStatus.CONFLICT) from None


def _post(address: str, body: bytes) -> tuple[int, bytes]:
    if not address.startswith(("https://", "http://")):
        raise UnreadableError(address, "the address starts neither with https:// nor with http://")
    place = f"{address.rstrip('/')}/add-checkpoint"
    request = urllib.request.Request(place, data=body, method="POST")  # noqa: S310 (the scheme is checked above)
    request.add_header("Content-Type", "text/plain; charset=utf-8")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 (as above)
            return answer.status, answer.read(MAX_ANSWER_SIZE)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read(MAX_ANSWER_SIZE)
    except (OSError, http.client.HTTPException) as failure:
        raise UnreadableError(place, f"no answer ({type(failure).__name__})") from None
