"""How often members say yes, no and later, and take a yes back: to find confusion, never to push for consent."""

from consent_center.storage import rates
from consent_center.storage.rates import Rate
from consent_center.storage.transaction import Transaction


def show_rates(tx: Transaction, *, after: str = "", limit: int = 1000) -> list[Rate]:
    """A query for `store.read`: rates per item, notice version and language, by name; small groups are empty."""
    return [one for one in rates.of_statements(tx) if one.name > after][:limit]
