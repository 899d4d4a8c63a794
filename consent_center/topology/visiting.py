"""A way in for a made-up member of `make up`, who has no letter box."""

from datetime import datetime
from pathlib import Path

from consent_center.errors import UnknownMemberError
from consent_center.storage.transaction import Store
from consent_center.topology.state import Installation
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.find_member import some_member
from consent_center.workflows.sign_in import hand_out_link
from privacy.keys import read_root_key


def sign_in_link(made: Installation, *, member: str = "", at: datetime) -> str:
    """A link that signs her in, once, in whichever browser opens it.

    Args:
        made: where.
        member: who; any member if empty.
        at: now.

    Raises:
        UnknownMemberError: there is nobody.
    """
    keys = read_root_key(Path(made.place.secret("root.key")))
    with Store.open(made.place.database(), keys=keys, create=False) as store:
        who = member or store.read(some_member)
        if not who:
            raise UnknownMemberError("there are no members yet; wait until accord up has finished")
        secret = new_secret()
        store.run(hand_out_link, link=fingerprint(secret), member=who, at=at)
    return f"{made.address('consent-centre', 'web')}/sign-in/link/{secret}?lang=en"
