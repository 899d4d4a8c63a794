"""Law: whatever a form carries, a page answers with a refusal; never with a fault, and never as if it were done."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent_center.studies.roles import ALLOWED, Act, Role
from tests.consent_center.studies.studying import study_text
from tests.console.office import Seat, open_office
from tests.console.test_roles import FILL, PERSON_OF, ROUTES

FIELDS = sorted(
    {
        name
        for page in Path("consent_center/console/templates").rglob("*.html")
        for name in re.findall(r"(?:name=\"|field\('|area\(')([a-z][a-z_-]*)[\"']", page.read_text(encoding="utf-8"))
    }
    | {"role-legal", "role-site-operator", "scope-purchases", "weight-minors", "quorum-legal", "answer"} - {"token"}
)
HOSTILE = {
    "nested lists": "[" * 1_500,
    "nested maps": "{a: " * 1_500,
    "nested json": '{"payload": ' + "[" * 1_500,
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "a tag that would run": "!!python/object/apply:os.system ['true']",
    "a number without end": "9" * 5_000,
    "no number": ".nan",
    "a time that is none": "2026-13-45",
    "a date before all": "0001-01-01",
    "the last date": "9999-12-31",
    "control characters": "\x01\x07\u202e\u2066x",
    "half a surrogate": "\\ud800",
    "nothing but spaces": " \u3000\t ",
    "markup": "\"><script>alert(1)</script>'{{7*7}}${7*7}%0d%0aX: y",
    "statement": "'; DROP TABLE study; --",
    "a path": "../../../../etc/passwd",
    "digits of another script": "\u0663\u0664",
    "a mapping": "study: [1]\nsites: {a: 1}\nfeatures: null\nepsilon: yes\ncloses: 99999-01-01\n",
    "a signed nothing": '{"kind": "ed25519", "payload": "e30=", "signature": "AA=="}',
}
CHOICES = {
    "/audits/{run}/override": {"step": "options"},
    "/decisions/{name}/answer": {"outcome": "upheld"},
    "/definitions/edit": {"kind": "notice", "turn": "check"},
    "/definitions/scopes/{scope}": {"turn": "close"},
    "/key": {"step": "answer"},
    "/key/stand-in": {"days": "7"},
    "/key/stand-in/end": {"number": "1"},
    "/members": {"hours": "1", "turn": "look"},
    "/people": {"role-legal": "yes", "ends": "2027-03-31"},
    "/people/stand-in/end": {"number": "1"},
    "/reviews/{digest}": {"turn": "pass"},
    "/studies/{study}/answer": {"step": "options", "say": "yes", "scope-purchases": "yes"},
    "/studies/{study}/suspension": {"turn": "suspend"},
}
"""What has to be chosen before a page looks at the rest."""
LONG = ("text", "document", "schema", "answer")
"""Where a person may write much; elsewhere too much is refused before anything else is looked at."""
POSTS = sorted((path, act) for method, path, act, _ in ROUTES if method == "POST" and act is not None)


@pytest.fixture(scope="module")
def seats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Role, Seat]]:
    with open_office(tmp_path_factory.mktemp("hostile")) as opened:
        opened.programme.file(study_text())
        yield {role: opened.seat(person) for role, person in PERSON_OF.items()}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_no_form_breaks_on(seats: dict[Role, Seat], name: str) -> None:
    broken: dict[str, object] = {}
    for path, act in POSTS:
        assert isinstance(act, Act)
        address = "/console" + path
        for placeholder, value in FILL.items():
            address = address.replace(placeholder, value)
        seat = seats[min(ALLOWED[act])]
        where = FIELDS if len(HOSTILE[name]) < 400 else LONG
        answer = seat.post(address, **{**dict.fromkeys(where, HOSTILE[name]), **CHOICES.get(path, {})})
        if answer.status_code >= 500 or "<script>alert" in answer.text:
            broken[address] = (answer.status_code, answer.text[-200:])
    assert broken == {}
