"""How two sites may name the same member to each other: signed lists of tokens, of those who allow it at both.

Not a workflow itself: the admission of a run issues them, and the admission of a round says which are refused.
Law: a list holds exactly the members whom `storage.links.allowed_at_both` names at the moment of the issue. Whoever
takes either yes back, is unlinked at a site or erased is on no later list, and `refused` names her token to both sites
from the next round on. The hub learns nothing new: it knows both memberships; it is trusted with exactly that.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.consent.cohort import EPSILON, band, preview_key
from consent_center.consent.scope import Item
from consent_center.events import Event
from consent_center.storage import definitions, links, member_keys, previews
from consent_center.storage.links import Lists
from consent_center.storage.member_keys import PROGRAMME
from consent_center.storage.transaction import Transaction
from federated.errors import Refusal, RefusedError
from federated.linkage.pairing import Pairing, epoch_ends, epoch_of
from federated.linkage.tokens import KIND, Linked, TokenHeader, pseudonyms_in
from federated.linkage.tokens import issue as token_lists
from federated.plan import digest
from federated.signed import Signed, sign
from privacy.noise import NoiseSource

FEWEST = 20
"""A pair with fewer linked members is refused, whatever a plan says: its size alone would tell about single ones."""


def issue(
    tx: Transaction,
    pairing: Pairing,
    *,
    run: str,
    country: str,
    scopes: Sequence[str],
    minimum: int,
    noise: NoiseSource,
    signer: Ed25519PrivateKey,
    expires_at: datetime,
    at: datetime,
) -> Lists:
    """The lists of one pair for one run; asked again for the same run, the same lists.

    Args:
        tx: the transaction.
        pairing: who asks, who helps, under which linkage purpose, in which quarter.
        run: the run that the lists are good for, and no other.
        country: where the rows are used.
        scopes: what the helper's own model reads; the members were asked for each of them there.
        minimum: fewest members, of the plan; `FEWEST` holds in any case.
        noise: for the size that the log shows, drawn once for the pair and the day.
        signer: the consent centre's signing key.
        expires_at: of the run's permit; the end of the quarter comes first.
        at: now.

    Raises:
        RefusedError: `policy` if the purpose does not link these two or nobody was asked, `link-epoch`,
            `link-too-few`, or `link-duplicate` if two members have one token or one member two cards at a site;
            nothing was issued.
    """
    items = _asked(tx, pairing, country=country, scopes=scopes, at=at)
    if pairing.epoch != epoch_of(at):
        raise RefusedError(Refusal.LINK_EPOCH, f"the quarter is {epoch_of(at)}; file the plan for it")
    if (issued := links.find(tx, run, pairing)) is not None:
        return issued
    found = links.allowed_at_both(tx, pairing, items, at=at)
    if len(found) < max(minimum, FEWEST):
        raise RefusedError(
            Refusal.LINK_TOO_FEW, "too few members allow this linkage at both holders; ask again when more do"
        )
    if len({one.number for one in found}) < len(found):
        raise RefusedError(Refusal.LINK_DUPLICATE, "a member has two cards at one site; unlink one of them")
    keys = member_keys.read(tx, [PROGRAMME, *(one.number for one in found)])
    bodies = token_lists(
        keys[PROGRAMME].link, pairing, [Linked(one.at_holder, one.at_helper, keys[one.number].link) for one in found]
    )
    lists = Lists(
        {
            site: (_signed(signer, pairing, site, run, body, count=len(found), at=at, expires_at=expires_at), body)
            for site, body in zip((pairing.holder, pairing.helper), bodies, strict=True)
        }
    )
    shown = {
        "run": run,
        "holder": pairing.holder,
        "helper": pairing.helper,
        "purpose": pairing.purpose,
        "epoch": pairing.epoch,
        "lists": {site: digest(header.payload) for site, (header, _) in lists.of_site.items()},
        "members": _size(tx, pairing, items, len(found), noise, at),
    }
    entry = tx.append(Event("link.issued", public=shown, private={"members": len(found)}), at=at)
    links.add(tx, run, pairing, lists, [one.number for one in found], entry=entry)
    return lists


def refused(tx: Transaction, pairing: Pairing, *, run: str, country: str, at: datetime) -> dict[str, list[bytes]]:
    """A query: site -> pseudonyms on the run's lists whose tokens are not valid any more; to be named in each round.

    Everybody is, once the contract has ended or nobody is asked any more.

    Raises:
        RefusedError: `link-unknown`: nothing was issued to this pair in this run.
    """
    issued = links.find(tx, run, pairing)
    if issued is None:
        raise RefusedError(Refusal.LINK_UNKNOWN, "no link tokens were issued to this pair in this run")
    items = links.asked(definitions.catalogue(tx), pairing, country=country, at=at)
    found = links.allowed_at_both(tx, pairing, items, at=at) if all(items) else []
    left = {
        pairing.holder: {one.at_holder for one in found},
        pairing.helper: {one.at_helper for one in found},
    }
    return {site: sorted(pseudonyms_in(body) - left[site]) for site, (_, body) in issued.of_site.items()}


def _asked(
    tx: Transaction, pairing: Pairing, *, country: str, scopes: Sequence[str], at: datetime
) -> tuple[list[Item], list[Item]]:
    known = definitions.catalogue(tx)
    purpose = known.purposes.get(pairing.purpose)
    if purpose is None or {*purpose.between} != {pairing.holder, pairing.helper}:
        raise RefusedError(
            Refusal.POLICY,
            f"purpose {pairing.purpose} does not link {pairing.holder} and {pairing.helper}; name the one that does",
        )
    items = links.asked(known, pairing, country=country, at=at)
    if not all(items) or not {*scopes} <= {item.scope for item in items[1]}:
        raise RefusedError(
            Refusal.POLICY,
            f"no open notice asks at both for {pairing.purpose} with these scopes; publish one first",
        )
    return items


def _signed(
    signer: Ed25519PrivateKey,
    pairing: Pairing,
    site: str,
    run: str,
    body: bytes,
    *,
    count: int,
    at: datetime,
    expires_at: datetime,
) -> Signed:
    ends = min(expires_at, epoch_ends(pairing.epoch))
    header = TokenHeader(pairing, site, run, issued_at=at, expires_at=ends, count=count, digest=digest(body))
    return sign(signer, kind=KIND, payload=header.to_bytes())


def _size(
    tx: Transaction,
    pairing: Pairing,
    items: tuple[list[Item], list[Item]],
    count: int,
    noise: NoiseSource,
    at: datetime,
) -> str:
    """How many members are on the lists, as the log shows it: a band around a count with noise, drawn once a day."""
    key = preview_key(f"{pairing.holder}+{pairing.helper}", [*items[0], *items[1]], at)
    drawn = previews.find(tx, key)
    if drawn is None:
        drawn = previews.keep(tx, key, int(noise.discrete_laplace((1,), epsilon=EPSILON)[0]))
    lower, below = band(count + drawn)
    return f"from-{lower}-below-{below}" if below is not None else f"from-{lower}"
