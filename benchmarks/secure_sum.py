"""What a secure sum costs: CPU of one site at a million parameters, and of a whole round beside the plain sum.

`site_ms_K6` is rounding to the grid and masking 1,000,000 numbers with 6 sites, CPU of one site, median; its noise is
`noise_ms`, on its own line. `round_extra_ms` is everything that 5 sites and the coordinator do for 10,000 parameters
(keys, shares, masks, opening) less what adding up plain vectors takes, in one process one after the other.
Everything is CPU time of the one process, so that what else the machine does is not counted.
`dropout_ratio` is a round of 6 sites of which one leaves after the shares, to the same round without.
"""

import statistics
import time
from collections.abc import Callable
from secrets import token_bytes

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.secure_sum.opening import open_total
from federated.secure_sum.participants import Occasion
from federated.secure_sum.protocol import Masked, Shared, advertise, agree, mask, share, unmask
from federated.secure_sum.quantise import from_ring, to_grid
from federated.secure_sum.quorum import Quorum
from privacy.noise import SecureNoise

LARGE, SMALL = 1_000_000, 10_000
REPEATS = 7


class Sites:
    """Sites that sum, in one process."""

    def __init__(self, sites: int, *, dropouts: int = 0) -> None:
        names = tuple(f"site-{number:02}" for number in range(sites))
        self.occasion = Occasion("run", 1, 1, "p" * 64, "c" * 64, 1, names, Quorum(sites, 1, dropouts))
        self.keys = {name: Ed25519PrivateKey.generate() for name in names}
        self.peers = {name: key.public_key() for name, key in self.keys.items()}

    def shared(self) -> tuple[list, dict[str, Shared], dict[str, dict[str, bytes]]]:
        """The signed list, every site's state, and what each sealed for each."""
        states = {
            name: advertise(self.occasion, name, key=key, seed=token_bytes(32)) for name, key in self.keys.items()
        }
        listed = [state.advert for state in states.values()]
        both = {name: share(state, listed, peers=self.peers) for name, state in states.items()}
        return listed, {name: one for name, (one, _) in both.items()}, {name: two for name, (_, two) in both.items()}

    def round(self, vectors: dict[str, np.ndarray]) -> np.ndarray:
        """A whole round; sites without a vector leave after the shares."""
        listed, states, sealed = self.shared()
        masked: dict[str, Masked] = {}
        words = {}
        for name, vector in vectors.items():
            inbox = {other: shares[name] for other, shares in sealed.items() if other != name}
            masked[name], words[name] = mask(states[name], inbox, vector)
        signed = []
        if len(vectors) < len(states):
            for name in vectors:
                masked[name], one = agree(masked[name], vectors, key=self.keys[name])
                signed.append(one)
        reveals = {name: unmask(state, vectors, signed, peers=self.peers)[1] for name, state in masked.items()}
        return from_ring(open_total(self.occasion, listed, words, reveals))


def run() -> dict[str, dict]:
    """Measure; see the module."""
    figures: dict[str, float] = {}
    rng = np.random.default_rng(1)
    values = rng.normal(size=LARGE)
    for sites in (3, 6, 12):
        federation = Sites(sites)
        _, states, sealed = federation.shared()
        first = federation.occasion.sites[0]
        inbox = {other: shares[first] for other, shares in sealed.items() if other != first}

        def once(state: Shared = states[first], held: dict[str, bytes] = inbox) -> None:
            mask(state, held, to_grid(values, grid=1e-6, most=1e3))

        figures[f"site_ms_K{sites}"] = _median_ms(once)
        print(
            f"{sites} sites: quantise and mask {LARGE:,} numbers in {figures[f'site_ms_K{sites}']} ms CPU", flush=True
        )
    noise = SecureNoise()
    figures["noise_ms"] = _median_ms(lambda: noise.discrete_gaussian(LARGE, 1000.0), repeats=3)
    figures["megabytes_up"] = 8 * LARGE / 1e6
    print(f"its noise, {LARGE:,} discrete Gaussians: {figures['noise_ms']} ms CPU", flush=True)

    five = Sites(5, dropouts=1)
    small = {name: rng.integers(-(2**40), 2**40, SMALL) for name in five.occasion.sites}
    plain = lambda: np.sum([*small.values()], axis=0)  # noqa: E731  one line, timed
    if not np.array_equal(five.round(small), plain()):
        raise RuntimeError("the secure sum is not the sum")
    summed = _median_ms(lambda: five.round(small), repeats=21)
    figures["round_extra_ms"] = round(summed - _median_ms(plain, repeats=21), 2)
    print(f"5 sites x {SMALL:,}: {figures['round_extra_ms']} ms a round over the plain sum", flush=True)

    six = Sites(6, dropouts=1)
    for length, name in ((SMALL, "dropout_ratio"), (LARGE, "dropout_ratio_1M")):
        whole = {site: rng.integers(-(2**40), 2**40, length) for site in six.occasion.sites}
        without = {site: whole[site] for site in six.occasion.sites[1:]}
        repeats = 11 if length == SMALL else 3
        stayed, left = [], []
        for _ in range(repeats):
            stayed.append(_ms(lambda full=whole: six.round(full)))
            left.append(_ms(lambda fewer=without: six.round(fewer)))
        figures[name] = round(statistics.median(left) / statistics.median(stayed), 2)
        print(f"6 sites x {length:,}: with one dropout {figures[name]} times as long", flush=True)
    return {
        "figures": figures,
        "goals": {
            "site_ms_K6": ["<=", 60.0],
            "round_extra_ms": ["<=", 30.0],
            "dropout_ratio": ["<=", 2.0],
            "dropout_ratio_1M": ["<=", 2.0],
        },
    }


def _ms(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    work()
    return 1000 * (clock() - start)


def _median_ms(
    work: Callable[[], object], *, clock: Callable[[], float] = time.process_time, repeats: int = REPEATS
) -> float:
    work()
    return round(statistics.median(_ms(work, clock) for _ in range(repeats)), 2)
