"""Law: a site whose rows are in PostgreSQL reads what a site with files reads, declared columns included."""

from pathlib import Path

import psycopg
import pytest

from federated.errors import MalformedError
from federated.site.engines import source_in
from tests.federated.site.test_engines import COLUMNS, check, tables


@pytest.mark.postgres
@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")
def test_postgresql_gives_the_same_rows(tmp_path: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE members (pseudonym text, spend float8, tier text)")
        connection.execute("CREATE TABLE baskets (pseudonym text, day date, amount float8)")
        for name, table in zip(("members", "baskets"), tables(), strict=True):
            rows = [tuple(row.values()) for row in table.to_pylist()]
            connection.cursor().executemany(f"INSERT INTO {name} VALUES (%s, %s, %s)", rows)
    place = tmp_path / "address"
    place.touch(0o600)
    place.write_text(postgres_url)
    (tmp_path / "data.toml").write_text('kind = "postgresql"\naddress_file = "address"\n' + COLUMNS)
    check(source_in(tmp_path))
    place.chmod(0o644)
    with pytest.raises(MalformedError, match="chmod 600"):
        source_in(tmp_path)
