"""Define scopes, purposes, recipients, contracts and assessments: versioned data, never code."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.catalogue import Definition
from consent_center.consent.notice import Notice
from consent_center.errors import DefinitionError
from consent_center.events import Event
from consent_center.storage import definitions
from consent_center.storage.transaction import Transaction


def define(tx: Transaction, wanted: Sequence[Definition], *, at: datetime) -> None:
    """Define these, in this order; a code that exists gets a new version.

    Args:
        tx: the transaction.
        wanted: scopes, purposes, recipients, contracts or assessments; a later one may name an earlier one.
        at: now.

    Raises:
        UnknownDefinitionError: one names something that is not defined.
        DefinitionError: one contradicts what is defined, or is a notice (publish those).
    """
    for definition in wanted:
        if isinstance(definition, Notice):
            raise DefinitionError("a notice is published, not defined: run publish_notice")
        definitions.catalogue(tx).check(definition)
        version = definitions.next_version(tx, definition)
        _, digest = definitions.written(definition)
        public = {"of": definitions.kind_of(definition), "code": definition.code, "version": version, "digest": digest}
        entry = tx.append(Event.of("definition.made", public=public), at=at)
        definitions.add(tx, definition, version=version, entry=entry, at=at)
