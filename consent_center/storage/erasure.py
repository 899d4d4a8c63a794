"""The one place that deletes: everything the database holds about one member.

What stays is a row without a name: her number, so that it is never given to anybody else, with the erasure's own
entry, so that every process notices. The entries stay too, and every proof of them; their payloads, their tags and
her cohort keys are out of reach, because her secret is destroyed. Backups follow when the wrapping keys under which
they hold her secret are destroyed (see `key_generations`).

On PostgreSQL only the eraser's role may do this, see `roles`.
"""

import secrets

from sqlalchemy import text
from sqlmodel import SQLModel

from consent_center.storage import member_keys
from consent_center.storage.columns import EntryId
from consent_center.storage.members import Member
from consent_center.storage.transaction import Transaction

KEPT = ("member", "member_key")
"""Tables about members that are not emptied by rule: the number stays without a name, the secret is destroyed."""

_BEFORE = (
    "DELETE FROM sign_in_link WHERE tag IN (SELECT tag FROM sign_in_address WHERE member = :name)",
    "UPDATE browser_session SET acting = NULL WHERE acting IN (SELECT id FROM delegation WHERE member_no = :no)",
    "DELETE FROM answer WHERE body LIKE '%' || :name || '%'",
    "UPDATE delegation SET delegate = :nobody WHERE delegate = :name",
)
_AFTER = (
    "UPDATE member SET member = :nobody, registered_at = 0, guarded_until = NULL, entry_id = :entry WHERE no = :no",
)


def hers() -> dict[str, str]:
    """Table -> which of its rows are about a member, for every table that names her or depends on one that does.

    Read off the tables themselves, so that a new table about members is erased without anybody thinking of it:
    a column `member_no` or `member` names her, and a foreign key to such a table follows it.
    """
    found: dict[str, str] = {}
    for table in SQLModel.metadata.sorted_tables:
        if table.name in KEPT:
            continue
        if "member_no" in table.columns:
            found[table.name] = "member_no = :no"
        elif "member" in table.columns:
            found[table.name] = "member = :name"
        else:
            for key in table.foreign_keys:
                above = key.column.table.name
                if above in found:
                    column = f'SELECT "{key.column.name}" FROM "{above}" WHERE {found[above]}'
                    found[table.name] = f'"{key.parent.name}" IN ({column})'
    return found


def rights_needed() -> dict[str, str]:
    """Table -> what the eraser's role needs there beyond reading and inserting."""
    needed = dict.fromkeys((*hers(), "answer", "member_key"), "DELETE")
    return {**needed, "delegation": "DELETE, UPDATE", "browser_session": "DELETE, UPDATE", "member": "UPDATE"}


def untold(tx: Transaction, number: int) -> int:
    """How many recipients and sites still have something to do for this member, and would never hear of it."""
    query = text(
        "SELECT (SELECT count(*) FROM task WHERE member_no = :no AND outcome = '')"
        " + (SELECT count(*) FROM right_task t JOIN right_request r ON r.name = t.name"
        "    WHERE r.member_no = :no AND t.done_at IS NULL)"
    )
    return int(tx.session.connection().execute(query, {"no": number}).scalar_one())


def erase(tx: Transaction, member: Member, *, entry: EntryId) -> None:
    """Delete everything about a member and destroy her secret.

    Args:
        tx: the transaction.
        member: who.
        entry: the erasure's own entry.
    """
    connection = tx.session.connection()
    nobody = f"erased-{secrets.token_hex(16)}"
    values = {"no": member.no, "name": member.member, "nobody": nobody, "entry": entry}
    deletes = [f'DELETE FROM "{table}" WHERE {rows}' for table, rows in reversed(hers().items())]
    for statement in (*_BEFORE, *deletes, *_AFTER):
        connection.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement})
    member_keys.destroy(tx, member.no)
