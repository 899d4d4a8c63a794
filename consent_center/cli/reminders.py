"""`accord reminders`: letters to members whose data is still used 90 days after they last answered or looked.

The hub knows no address, so it sends nothing: it writes one JSON line for each letter, for the mail system that does.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.app import read_house
from consent_center.errors import RuleError
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.web.catalogue import words
from consent_center.web.languages import Language, parse
from consent_center.workflows.due_reminders import EVERY, due_reminders
from privacy.keys import read_root_key

_out = Console(highlight=False, soft_wrap=True)


class MomentError(RuleError):
    """A moment that cannot be read."""


def reminders(
    after: Annotated[str, typer.Option(help="When you last asked, such as 2026-11-20T00:00:00+00:00.")],
) -> None:
    """Write one JSON line for each member to remind: her number, a subject and a text in her language."""
    try:
        since = datetime.fromisoformat(after)
    except ValueError as error:
        raise MomentError("write the moment as 2026-11-20T00:00:00+00:00") from error
    if since.tzinfo is None:
        raise MomentError("write the moment with its zone, such as 2026-11-20T00:00:00+00:00")
    settings = Settings.read()
    house = read_house(settings)
    with Store.open(settings.database, keys=read_root_key(Path(settings.root_key))) as store:
        found = store.read(due_reminders, after=since, at=clock())
    for one in found:
        language = parse(one.language) or Language.EN
        t = words(language)
        letter = {
            "member": one.member,
            "language": language.value,
            "subject": t("mail.reminder.subject", programme=house.names[language]).unescape(),
            "text": t.count(
                "mail.reminder.text", len(one.going), days=EVERY.days, page=f"{house.origin}/", phone=house.phone
            ).unescape(),
        }
        _out.print(json.dumps(letter, ensure_ascii=False), markup=False)
