"""A batch of an import is taken only where the import stands, and only of the file that was begun."""

import pytest

from consent_center.consent.grant import Act
from consent_center.errors import ImportRefusedError
from consent_center.storage import entries
from consent_center.workflows.import_statements import Batch, import_batch, show_import
from tests.consent_center.world import NOW, TRAIN, found, said


def test_a_batch_from_elsewhere_or_of_another_file_is_refused_and_leaves_nothing(small_store):
    mei, ann, eve = found(small_store)
    rows = [[said(one, Act.REFUSED, TRAIN, said_at=NOW)] for one in (mei, ann, eve)]

    def send(start, batch, before, digest):
        return small_store.run(import_batch, "t", "n", Batch(start, batch, before, digest, last=False), at=NOW)

    with pytest.raises(ImportRefusedError):
        send(1, rows[1], "", "a")
    send(0, rows[0], "", "a")
    before = small_store.read(entries.last_id)
    for start, digest in ((0, ""), (0, "a"), (2, "a"), (1, "b"), (1, "")):
        with pytest.raises(ImportRefusedError):
            send(start, rows[1], digest, "c")
    assert small_store.read(entries.last_id) == before
    assert send(1, rows[1], "a", "c").rows_read == 2
    assert small_store.read(show_import, "t", "n").digest == "c"
