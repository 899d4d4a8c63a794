"""The interface is what its description says: no 5xx, every answer in its documented form, whatever is sent."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from consent_center.storage.transaction import Store
from tests.consent_center.api.conftest import make_api
from tests.consent_center.world import KEYS, NOW, cases

EXAMPLES = cases(5)
OPERATIONS = 41
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The API, and a token that may do everything."""
    folder = tmp_path_factory.mktemp("described")
    with Store.open(f"sqlite:///{folder / 'accord.db'}", keys=KEYS) as store:
        api = make_api(store, [NOW])
        api.world.rate_per_minute = 10**9
        yield api


def test_every_operation_keeps_to_its_description(described):
    schema = schemathesis.openapi.from_asgi("/openapi.json", described.client.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == OPERATIONS, "a new operation changes this number"
    headers = {"Authorization": described.client.headers["Authorization"]}
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy())
        def holds(case):
            case.call_and_validate(headers=headers, checks=CHECKS)

        holds()
