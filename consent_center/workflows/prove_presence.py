"""Was this member in this run? A proof per site at which she was ever linked, checked offline with her own keys."""

from consent_center.consent.presence import Presence, prove
from consent_center.errors import UnknownRunError
from consent_center.storage import members, runs
from consent_center.storage.transaction import Transaction
from federated.cohort import pseudonyms_in
from federated.cohort_leaves import leaf_key, leaf_keys


def prove_presence(tx: Transaction, member: str, run: str) -> dict[str, list[tuple[bytes, Presence]]]:
    """A query for `store.read`: site -> for each of her links there, its cohort key and the proof.

    Sites of the run at which she never linked are left out: they have no name for her.

    Raises:
        UnknownMemberError: no such member.
        UnknownRunError: no such run.
    """
    members.get(tx, member)
    cohorts = runs.cohorts(tx, run)
    if not cohorts:
        raise UnknownRunError(run, "check the run's identifier")
    mine = members.every_link(tx, member)
    proofs: dict[str, list[tuple[bytes, Presence]]] = {}
    for site, (header, body) in cohorts.items():
        links = [link for link in mine if link.site == site]
        if not links:
            continue
        listed = pseudonyms_in(body)
        known = members.cohort_keys(tx, site, listed)
        # A member who was erased since has no key any more; then nobody's absence can be shown in that cohort.
        if known.keys() >= set(listed):
            keys = leaf_keys(run, [known[one] for one in listed])
            proofs[site] = [
                (link.cohort_key, prove(header, keys, body, mine=leaf_key(run, link.cohort_key))) for link in links
            ]
    return proofs
