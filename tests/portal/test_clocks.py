"""Law: at the very moment a link, a session or its longest life ends, it has ended. Times are handed in, so that they
land on the boundary."""

import os
from datetime import timedelta

import pytest

from consent_center.workflows.keep_session import ABSOLUTE, IDLE, session_in_force, touch_session
from consent_center.workflows.sign_in import LINK_LIVES, LinkGoneError, check_link, hand_out_link, sign_in_by_link
from tests.portal.visitor import House

INSTANT = timedelta(microseconds=1)


def test_a_link_ends_at_its_very_end(house: House) -> None:
    store, at, link = house.world.wiring.store, house.clock(), os.urandom(32)
    store.run(hand_out_link, link=link, member=house.newcomer()[0], at=at)
    store.read(check_link, link=link, visit=None, at=at + LINK_LIVES - INSTANT)
    with pytest.raises(LinkGoneError):
        store.read(check_link, link=link, visit=None, at=at + LINK_LIVES)


def test_a_session_ends_at_the_very_end_of_idleness_and_of_its_longest_life(house: House) -> None:
    store, at = house.world.wiring.store, house.clock()
    link, session = os.urandom(32), os.urandom(32)
    store.run(hand_out_link, link=link, member=house.newcomer()[0], at=at)
    store.run(sign_in_by_link, link=link, visit=None, session=session, at=at)
    assert store.read(session_in_force, fingerprint=session, at=at + IDLE - INSTANT) is not None
    assert store.read(session_in_force, fingerprint=session, at=at + IDLE) is None
    store.run(touch_session, fingerprint=session, at=at + ABSOLUTE - INSTANT)
    assert store.read(session_in_force, fingerprint=session, at=at + ABSOLUTE - INSTANT) is not None
    assert store.read(session_in_force, fingerprint=session, at=at + ABSOLUTE) is None
