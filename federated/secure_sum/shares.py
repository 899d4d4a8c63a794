"""A secret in n shares, of which any t give it back and t - 1 tell nothing: Shamir's scheme.

The field is that of the integers modulo the Mersenne prime 2**521 - 1, so every secret of 32 bytes fits and a share
is 66 bytes. Site number i (1, 2, ...) holds the polynomial's value at i.

Source:
    Shamir 1979, "How to Share a Secret".
"""

from collections.abc import Mapping, Sequence

from federated.errors import MalformedError

PRIME = 2**521 - 1
SECRET_BYTES = 32
SHARE_BYTES = 66
COEFFICIENT_BYTES = 80


def coefficients(stream: bytes, threshold: int) -> tuple[int, ...]:
    """The t - 1 random coefficients of a polynomial, from uniform bytes (80 each: biased by less than 2**-118)."""
    if len(stream) != COEFFICIENT_BYTES * (threshold - 1):
        raise MalformedError("a polynomial needs 80 bytes for each coefficient")
    return tuple(
        int.from_bytes(stream[start : start + COEFFICIENT_BYTES], "big") % PRIME
        for start in range(0, len(stream), COEFFICIENT_BYTES)
    )


def split(secret: bytes, *, drawn: Sequence[int], numbers: Sequence[int]) -> dict[int, bytes]:
    """Shares of a secret of 32 bytes.

    Args:
        secret: the polynomial's value at 0.
        drawn: its other coefficients, from `coefficients`.
        numbers: who gets a share, distinct and above 0.
    """
    if len(secret) != SECRET_BYTES or len(set(numbers)) != len(numbers) or min(numbers) < 1:
        raise MalformedError("a secret of 32 bytes is shared among distinct numbers above 0")
    polynomial = (*reversed(drawn), int.from_bytes(secret, "big"))
    shares = {}
    for number in numbers:
        value = 0
        for coefficient in polynomial:
            value = (value * number + coefficient) % PRIME
        shares[number] = value.to_bytes(SHARE_BYTES, "big")
    return shares


def join(shares: Mapping[int, bytes]) -> bytes:
    """The secret of exactly as many shares as its threshold; shares of another secret give another.

    Raises:
        MalformedError: they are not shares, or do not make a secret of 32 bytes.
    """
    points = {number: int.from_bytes(share, "big") for number, share in shares.items()}
    sized = all(len(share) == SHARE_BYTES for share in shares.values())
    if not points or not sized or min(points) < 1 or max(points.values()) >= PRIME:
        raise MalformedError("a share is a number of the field, at a number above 0")
    secret = 0
    for number, value in points.items():
        above, below = 1, 1
        for other in points:
            if other != number:
                above = above * other % PRIME
                below = below * (other - number) % PRIME
        secret = (secret + value * above * pow(below, -1, PRIME)) % PRIME
    if secret >> (8 * SECRET_BYTES):
        raise MalformedError("these shares do not belong together")
    return secret.to_bytes(SECRET_BYTES, "big")
