"""Checkpoints and hash tiles are public and cacheable for good; entries are for auditors with a token."""

import pytest
from fastapi.testclient import TestClient

from audit.log.tiles import decode_bundle
from consent_center.api.log import create_log
from consent_center.workflows.machine_tokens import TokenScope
from tests.consent_center.api.conftest import make_api
from tests.consent_center.world import NOW


@pytest.fixture
def served(small_store, tmp_path, new_publisher):
    api = make_api(small_store, [NOW])
    size = new_publisher(small_store).flush()
    with TestClient(create_log(api.world, tmp_path / "log"), raise_server_exceptions=False) as client:
        yield api, client, size


def test_checkpoint_and_tiles_are_public_and_tiles_are_immutable(served):
    _, client, size = served
    head = client.get("/checkpoint")
    assert head.status_code == 200
    assert head.headers["cache-control"] == "public, max-age=1"
    assert f"\n{size}\n" in head.text
    tile = client.get(f"/tile/0/000.p/{size}")
    assert (tile.status_code, len(tile.content)) == (200, 32 * size)
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_entries_need_an_auditors_token(served):
    api, client, size = served
    path = f"/tile/entries/000.p/{size}"
    assert client.get(path).status_code == 401
    assert client.get(path, headers=api.token(TokenScope.EXPORTS_READ)).status_code == 403
    assert client.get(path, headers=api.token(TokenScope.LOG_READ, site="sales")).status_code == 403
    allowed = client.get(path, headers=api.token(TokenScope.LOG_READ))
    assert allowed.headers["cache-control"].startswith("private")
    assert len(decode_bundle(allowed.content, size)) == size


@pytest.mark.parametrize(
    "path", ["0/999", "0/0", "0/..%2f..%2f.lock", "entries/x", "0/000.p/0", "64/000", "%00", ".lock"]
)
def test_nothing_else_of_the_directory_is_served(served, path):
    _, client, _ = served
    answer = client.get(f"/tile/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_hub_that_publishes_elsewhere_says_so(served):
    api, _, _ = served
    with TestClient(create_log(api.world, None)) as client:
        assert client.get("/checkpoint").status_code == 404
