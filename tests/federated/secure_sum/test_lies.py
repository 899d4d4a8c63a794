"""Law: a coordinator that lies about who takes part, or about when, is caught before anything opens.

Each comparison of `protocol` was taken out once by hand; the test named after it failed.
"""

from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.errors import Refusal, RefusedError
from federated.secure_sum.opening import open_total
from federated.secure_sum.participants import KEYS_KIND
from federated.secure_sum.protocol import advertise, agree, mask, share, unmask
from federated.secure_sum.quantise import from_ring
from federated.signed import Signed, encode, sign
from tests.federated.secure_sum.sums import Sum, occasion, seed_of, started, vectors


def refused_list(sum_: Sum, listed: list[Signed], *, site: int = 0) -> Refusal:
    name = sum_.occasion.sites[site]
    with pytest.raises(RefusedError) as refused:
        share(sum_.advertised[name], listed, peers=sum_.peers)
    return refused.value.code


def test_a_list_shrunk_below_the_plan_is_refused() -> None:
    sum_ = Sum(occasion(5, dropouts=1)).advertise()
    assert refused_list(sum_, sum_.listed[:3]) is Refusal.SUM_TOO_FEW
    share(sum_.advertised["site-00"], sum_.listed[:4], peers=sum_.peers)


def test_swapped_keys_are_refused() -> None:
    sum_ = Sum(occasion(3)).advertise()
    stranger = advertise(sum_.occasion, "site-02", key=Ed25519PrivateKey.generate(), seed=bytes(32))
    assert refused_list(sum_, [*sum_.listed[:2], stranger.advert]) is Refusal.SUM_TAMPERED


def test_keys_under_another_sites_name_are_refused() -> None:
    sum_ = Sum(occasion(3)).advertise()
    renamed = advertise(sum_.occasion, "site-02", key=sum_.keys["site-01"], seed=bytes(32))
    assert refused_list(sum_, [*sum_.listed[:2], renamed.advert]) is Refusal.SUM_TAMPERED


@pytest.mark.parametrize(
    "changes",
    [
        {"run": "run-2"},
        {"round": 2},
        {"attempt": 2},
        {"epoch": 8},
        {"plan_digest": "q" * 64},
        {"cohorts": "d" * 64},
    ],
)
def test_keys_of_another_occasion_are_refused(changes: dict[str, object]) -> None:
    sum_ = Sum(occasion(3)).advertise()
    replayed = Sum(occasion(3, **changes)).advertise()  # type: ignore[arg-type]
    assert refused_list(sum_, [*sum_.listed[:2], replayed.listed[2]]) is Refusal.SUM_TAMPERED


def test_a_list_without_ones_own_fresh_keys_is_refused() -> None:
    """The coordinator replays what this site signed for the same occasion before it restarted."""
    before, after = Sum(occasion(3), salt="before").advertise(), Sum(occasion(3), salt="after").advertise()
    assert refused_list(after, [before.listed[0], *after.listed[1:]]) is Refusal.SUM_TAMPERED


def test_a_site_listed_twice_is_refused() -> None:
    sum_ = Sum(occasion(3)).advertise()
    assert refused_list(sum_, [*sum_.listed, sum_.listed[2]]) is Refusal.SUM_TAMPERED


def test_a_site_that_copies_anothers_key_is_refused() -> None:
    sum_ = Sum(occasion(3)).advertise()
    copied = sum_.listed[1].payload.replace(b"site-01", b"site-02")
    signed = sign(sum_.keys["site-02"], kind=KEYS_KIND, payload=copied)
    assert refused_list(sum_, [*sum_.listed[:2], signed]) is Refusal.SUM_TAMPERED


def test_a_site_that_is_not_of_the_plan_is_refused() -> None:
    sum_ = Sum(occasion(3)).advertise()
    other = Sum(occasion(4))
    stranger = advertise(sum_.occasion, "site-03", key=other.keys["site-03"], seed=bytes(32))
    with pytest.raises(RefusedError) as refused:
        share(sum_.advertised["site-00"], [*sum_.listed, stranger.advert], peers=other.peers)
    assert refused.value.code is Refusal.SUM_TAMPERED


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", encode({"site": "site-02"})])
def test_keys_that_are_none_are_refused(payload: bytes) -> None:
    sum_ = Sum(occasion(3)).advertise()
    signed = sign(sum_.keys["site-02"], kind=KEYS_KIND, payload=payload)
    assert refused_list(sum_, [*sum_.listed[:2], signed]) is Refusal.SUM_TAMPERED


def test_a_public_key_of_small_order_is_refused() -> None:
    sum_ = Sum(occasion(3)).advertise()
    state = sum_.advertised["site-02"]
    from federated.secure_sum.masks import public_of

    payload = state.advert.payload.replace(public_of(state.secrets.pairing).hex().encode(), b"00" * 32)
    sum_.advertised["site-02"] = replace(state, advert=sign(sum_.keys["site-02"], kind=KEYS_KIND, payload=payload))
    sum_.share()
    with pytest.raises(RefusedError) as refused:
        sum_.mask(vectors(["site-00"]))
    assert refused.value.code is Refusal.SUM_TAMPERED


def test_two_sites_that_were_shown_different_lists_send_nothing() -> None:
    sum_ = Sum(occasion(5, dropouts=1)).advertise()
    for site, state in sum_.advertised.items():
        listed = sum_.listed[:4] if site == "site-00" else sum_.listed
        sum_.shared[site], sum_.sealed[site] = share(state, listed, peers=sum_.peers)
    sealed = {sender: sum_.sealed[sender]["site-00"] for sender in sum_.occasion.sites[1:4]}
    with pytest.raises(RefusedError) as refused:
        mask(sum_.shared["site-00"], sealed, np.zeros(3, dtype=np.int64))
    assert refused.value.code is Refusal.SUM_TAMPERED


@pytest.mark.parametrize("change", ["missing", "surplus", "swapped", "short", "flipped"])
def test_shares_that_are_not_those_of_the_list_stop_the_site(change: str) -> None:
    sum_ = started(4)
    inbox = sum_.inbox("site-00")
    one, two, _ = inbox
    if change == "missing":
        del inbox[one]
    elif change == "surplus":
        inbox["site-00"] = inbox[one]
    elif change == "swapped":
        inbox[one], inbox[two] = inbox[two], inbox[one]
    elif change == "short":
        inbox[one] = inbox[one][:10]
    else:
        inbox[one] = bytes([inbox[one][0] ^ 1]) + inbox[one][1:]
    with pytest.raises(RefusedError) as refused:
        mask(sum_.shared["site-00"], inbox, np.zeros(3, dtype=np.int64))
    assert refused.value.code is Refusal.SUM_TAMPERED


def test_a_site_cannot_be_called_present_and_then_absent() -> None:
    sum_ = started(6, dropouts=2)
    sum_.mask(vectors(sum_.occasion.sites))
    state, _ = unmask(sum_.masked["site-00"], sum_.occasion.sites, [], peers=sum_.peers)
    for step in (
        lambda: agree(state, sum_.occasion.sites[:5], key=sum_.keys["site-00"]),
        lambda: unmask(state, sum_.occasion.sites[:5], [], peers=sum_.peers),
    ):
        with pytest.raises(RefusedError) as refused:
            step()
        assert refused.value.code is Refusal.SUM_TAMPERED


def test_a_site_cannot_be_called_absent_and_then_present() -> None:
    sum_ = started(6, dropouts=2)
    sum_.mask(vectors(sum_.occasion.sites))
    state, _ = agree(sum_.masked["site-00"], sum_.occasion.sites[:5], key=sum_.keys["site-00"])
    with pytest.raises(RefusedError) as refused:
        unmask(state, sum_.occasion.sites, [], peers=sum_.peers)
    assert refused.value.code is Refusal.SUM_TAMPERED


def test_the_same_answer_may_be_asked_for_again() -> None:
    sum_ = started(4)
    sum_.mask(vectors(sum_.occasion.sites))
    state, first = unmask(sum_.masked["site-00"], sum_.occasion.sites, [], peers=sum_.peers)
    assert unmask(state, sum_.occasion.sites, [], peers=sum_.peers) == (state, first)


def test_no_site_gives_shares_of_both_secrets_of_anybody() -> None:
    sum_ = started(6, dropouts=2)
    sum_.mask(vectors(sum_.occasion.sites[:4])).unmask()
    for reveal in sum_.reveals.values():
        assert {*reveal.own} == {*sum_.occasion.sites[:4]}
        assert {*reveal.pair} == {*sum_.occasion.sites[4:]}


def test_a_list_with_a_site_missing_needs_threshold_signatures() -> None:
    sum_ = started(6, dropouts=2)
    survivors = sum_.occasion.sites[:5]
    sum_.mask(vectors(survivors))
    signed = []
    for site in survivors:
        sum_.masked[site], one = agree(sum_.masked[site], survivors, key=sum_.keys[site])
        signed.append(one)
    unmask(sum_.masked["site-00"], survivors, signed[:4], peers=sum_.peers)
    for too_few in ([], signed[:3], [*signed[:3], signed[2]]):
        with pytest.raises(RefusedError) as refused:
            unmask(sum_.masked["site-00"], survivors, too_few, peers=sum_.peers)
        assert refused.value.code is Refusal.SUM_TAMPERED


def test_signatures_over_another_list_of_survivors_do_not_count() -> None:
    sum_ = started(6, dropouts=2)
    sum_.mask(vectors(sum_.occasion.sites))
    one, other = sum_.occasion.sites[:5], (*sum_.occasion.sites[:4], "site-05")
    signed = [agree(sum_.masked[site], other, key=sum_.keys[site])[1] for site in other]
    with pytest.raises(RefusedError) as refused:
        unmask(sum_.masked["site-00"], one, signed, peers=sum_.peers)
    assert refused.value.code is Refusal.SUM_TAMPERED


@pytest.mark.parametrize("survivors", [["site-01", "site-02", "site-03"], ["site-00", "site-00", "site-01", "site-02"]])
def test_survivors_that_cannot_be_are_refused(survivors: list[str]) -> None:
    sum_ = started(4, dropouts=1)
    sum_.mask(vectors(sum_.occasion.sites))
    with pytest.raises(RefusedError) as refused:
        agree(sum_.masked["site-00"], survivors, key=sum_.keys["site-00"])
    assert refused.value.code is Refusal.SUM_TAMPERED


def test_a_coordinator_that_tells_two_stories_opens_nobody() -> None:
    """Half of the sites are told that site-05 left, the others that it stayed: neither of its secrets opens."""
    sum_ = started(6, dropouts=2)
    sum_.mask(vectors(sum_.occasion.sites))
    without = sum_.occasion.sites[:5]
    told_left = sum_.occasion.sites[:3]
    signed = []
    for site in told_left:
        sum_.masked[site], one = agree(sum_.masked[site], without, key=sum_.keys[site])
        signed.append(one)
    for site in told_left:
        with pytest.raises(RefusedError):
            unmask(sum_.masked[site], without, signed, peers=sum_.peers)
    for site in sum_.occasion.sites[3:]:
        sum_.masked[site], sum_.reveals[site] = unmask(sum_.masked[site], sum_.occasion.sites, [], peers=sum_.peers)
    with pytest.raises(RefusedError) as refused:
        sum_.total()
    assert refused.value.code is Refusal.SUM_TOO_FEW


def test_with_all_shares_of_one_secret_a_vector_stays_hidden() -> None:
    """What the coordinator can take off a survivor's vector is its own mask; the pair masks remain."""
    sum_ = started(3)
    zeros = {site: np.zeros(64, dtype=np.int64) for site in sum_.occasion.sites}
    sum_.mask(zeros).unmask()
    assert not from_ring(sum_.total()).any()
    for site in sum_.occasion.sites:
        alone = Sum(sum_.occasion, advertised=sum_.advertised, reveals=sum_.reveals)
        with pytest.raises(RefusedError):
            open_total(alone.occasion, alone.listed, {site: sum_.words[site]}, sum_.reveals)


def test_a_seed_gives_other_keys_on_another_occasion() -> None:
    one, two = occasion(3), occasion(3, round=2)
    made = [advertise(on, "site-00", key=Sum(on).keys["site-00"], seed=seed_of("same")) for on in (one, two)]
    assert made[0].secrets.pairing != made[1].secrets.pairing
    assert made[0].secrets.own != made[1].secrets.own
