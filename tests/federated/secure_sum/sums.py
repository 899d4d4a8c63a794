"""Whole secure sums among honest sites, with every message in the open, for the tests to bend."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated.secure_sum.masks import Bits, Words
from federated.secure_sum.opening import open_total
from federated.secure_sum.participants import Occasion
from federated.secure_sum.protocol import (
    Advertised,
    Masked,
    Reveal,
    Shared,
    advertise,
    agree,
    mask,
    share,
    unmask,
)
from federated.secure_sum.quorum import Quorum
from federated.signed import Signed

Integers = npt.NDArray[np.int64]


def seed_of(*words: object) -> bytes:
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()


def occasion(sites: int, *, colluders: int = 1, dropouts: int = 0, **changes: object) -> Occasion:
    names = tuple(f"site-{number:02}" for number in range(sites))
    values: dict[str, object] = {
        "run": "run-1",
        "round": 1,
        "attempt": 1,
        "plan_digest": "p" * 64,
        "cohorts": "c" * 64,
        "epoch": 7,
        "sites": names,
        "quorum": Quorum(sites, colluders, dropouts),
        **changes,
    }
    return Occasion(**values)  # type: ignore[arg-type]


@dataclass
class Sum:
    """One sum; each step keeps what every site holds and sent."""

    occasion: Occasion
    salt: str = "test"
    advertised: dict[str, Advertised] = field(default_factory=dict)
    shared: dict[str, Shared] = field(default_factory=dict)
    sealed: dict[str, dict[str, bytes]] = field(default_factory=dict)
    masked: dict[str, Masked] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    reveals: dict[str, Reveal] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, Ed25519PrivateKey]:
        return {site: Ed25519PrivateKey.from_private_bytes(seed_of("key", site)) for site in self.occasion.sites}

    @property
    def peers(self) -> dict[str, Ed25519PublicKey]:
        return {site: key.public_key() for site, key in self.keys.items()}

    @property
    def listed(self) -> list[Signed]:
        return [one.advert for one in self.advertised.values()]

    def advertise(self, present: Collection[str] | None = None) -> Sum:
        keys = self.keys
        for site in present or self.occasion.sites:
            seed = seed_of(self.salt, site)
            self.advertised[site] = advertise(self.occasion, site, key=keys[site], seed=seed)
        return self

    def share(self) -> Sum:
        for site, state in self.advertised.items():
            self.shared[site], self.sealed[site] = share(state, self.listed, peers=self.peers)
        return self

    def inbox(self, site: str) -> dict[str, bytes]:
        return {sender: sealed[site] for sender, sealed in self.sealed.items() if sender != site}

    def mask(self, vectors: Mapping[str, Integers], *, bits: Bits = 64) -> Sum:
        for site, vector in vectors.items():
            self.masked[site], self.words[site] = mask(self.shared[site], self.inbox(site), vector, bits=bits)
        return self

    def unmask(self, answering: Collection[str] | None = None) -> Sum:
        survivors, signed = [*self.words], []
        if len(survivors) < len(self.advertised):
            for site in survivors:
                self.masked[site], signature = agree(self.masked[site], survivors, key=self.keys[site])
                signed.append(signature)
        for site in answering or survivors:
            self.masked[site], self.reveals[site] = unmask(self.masked[site], survivors, signed, peers=self.peers)
        return self

    def total(self) -> Words:
        return open_total(self.occasion, self.listed, self.words, self.reveals)


def started(sites: int = 5, **of: int) -> Sum:
    """A sum whose sites have shared their secrets."""
    return Sum(occasion(sites, **of)).advertise().share()


def vectors(names: Collection[str], length: int = 8, *, seed: int = 0, most: int = 10**9) -> dict[str, Integers]:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(-most, most, size=length) for name in names}
