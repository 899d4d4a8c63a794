"""The order of the suite: files whose single tests are long go first, so that no worker waits alone at the end."""

import pytest

LONG = ("tests/demo/", "tests/browser/", "tests/consent_center/gate/", "tests/consent_center/storage/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; all others as they stand."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
