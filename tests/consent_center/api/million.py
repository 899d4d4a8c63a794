"""A million rows, killed three times on the way: `make million`, minutes."""

from tests.consent_center.api.killing import killed_and_resumed


def test_an_import_of_a_million_rows_killed_on_the_way_resumes_without_loss_or_doubles(store_url, tmp_path):
    killed_and_resumed(store_url, tmp_path, members=120_000, rows=1_000_000, batch=10_000, kills=3)
