"""Law: on the audit's page and on the command line an override counts only as what a reviewer's own key signed; who may
not sign is not asked, and a refused one leaves a finding behind and the model where it was."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from consent_center.cli.main import run as accord
from consent_center.storage import governance, releases, studies
from consent_center.storage.transaction import Store
from consent_center.studies.override import sign_override
from consent_center.workflows.override_release import override_of
from consent_center.workflows.register_reviewer import register_reviewer
from consent_center.workflows.release_model import release_model
from federated.keyfile import create_key
from federated.models.decisions import Declaration, declaration_bytes
from federated.plan import digest
from tests.audits.auditing import REASON, UNEVEN, Audits, results
from tests.consent_center.world import DAY, NOW
from tests.console.office import ORIGIN, Office, Seat, open_office

UNTIL = (NOW + 20 * DAY).date().isoformat()


@dataclass
class Case:
    """One withheld model in an office."""

    office: Office
    run: str
    model: str

    @property
    def path(self) -> str:
        return f"/console/audits/{self.run}"

    @property
    def store(self) -> Store:
        return self.office.programme.store

    def latest(self) -> releases.Release:
        return self.store.read(releases.latest, self.model)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, Audits]]:
    with open_office(tmp_path_factory.mktemp("office")) as office:
        yield office, Audits(office.programme)


@pytest.fixture
def case(opened: tuple[Office, Audits]) -> Case:
    office, made = opened
    name = f"vendor_{made.number}"
    vendor = declaration_bytes(Declaration(name, "A vendor", "2026.10", {"sales": "ab" * 32}))
    run = made.again(name.replace("_", "-"), vendor, results(UNEVEN))
    made.store.run(release_model, run, at=NOW)
    return Case(office, run, digest(vendor))


@pytest.fixture
def key_file(case: Case, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The technology reviewer signs with a key file; the command line works on this office."""
    known, path = case.store.read(studies.reviewer, "lai"), tmp_path / "lai.key"
    pinned = replace(known, key=create_key(path).public_key())
    case.store.run(register_reviewer, pinned, at=NOW)
    monkeypatch.setattr("consent_center.cli.audit_override.clock", lambda: NOW)
    for module in ("audit", "audit_override"):
        monkeypatch.setattr(f"consent_center.cli.{module}.open_store", lambda: nullcontext(case.store))
    yield path
    case.store.run(register_reviewer, known, at=NOW)


def signed_line(case: Case) -> str:
    said = case.store.read(override_of, case.model, reviewer="lai", reason=REASON, until=NOW + 20 * DAY, at=NOW)
    return sign_override(said, case.office.programme.keys["lai"]).to_text()


@pytest.fixture
def passkey(case: Case) -> Iterator[ec.EllipticCurvePrivateKey]:
    """The technology reviewer has a passkey."""
    key, known = ec.generate_private_key(ec.SECP256R1()), case.store.read(studies.reviewer, "lai")
    case.store.run(register_reviewer, replace(known, key=key.public_key()), credential=b"credential", at=NOW)
    yield key
    case.store.run(register_reviewer, known, at=NOW)


def assertion(options: dict, key: ec.EllipticCurvePrivateKey) -> str:
    """What a browser would answer, the person verified by her device."""
    client = json.dumps({"type": "webauthn.get", "challenge": options["challenge"], "origin": ORIGIN}).encode()
    data = hashlib.sha256(b"localhost").digest() + b"\x05" + bytes(4)
    signature = key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
    named = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
    written = {name: base64.urlsafe_b64encode(value).rstrip(b"=").decode() for name, value in named.items()}
    return json.dumps({"id": "x", "response": written})


def sign_on_page(case: Case, seat: Seat, key: ec.EllipticCurvePrivateKey):
    asked = seat.post(f"{case.path}/override", step="options", reason=REASON, until=UNTIL, say="yes")
    assert asked.status_code == 200, asked.text
    return seat.post(f"{case.path}/override", step="answer", answer=assertion(asked.json(), key))


def test_a_passkey_signs_exactly_what_the_page_asked(case: Case, passkey) -> None:
    seat = case.office.seat("lai")
    assert "data-sign" in seat.get(case.path).text
    answer = sign_on_page(case, seat, passkey)
    assert answer.json() == {"go": case.path}, answer.text
    now = case.latest()
    assert (now.state, now.by, now.reason) == ("overridden", "lai", REASON)
    assert releases.is_usable(now, at=NOW)
    said = seat.get(case.path).text
    assert digest(now.signed.signature)[:12] in said
    assert "Sign the override" not in said


def test_another_passkey_or_a_stale_challenge_signs_nothing(case: Case, passkey) -> None:
    seat = case.office.seat("lai")
    assert sign_on_page(case, seat, ec.generate_private_key(ec.SECP256R1())).status_code == 409
    asked = seat.post(f"{case.path}/override", step="options", reason=REASON, until=UNTIL)
    spent = assertion(asked.json(), passkey)
    assert seat.post(f"{case.path}/override", step="answer", answer="{}").status_code == 409
    assert seat.post(f"{case.path}/override", step="answer", answer=spent).status_code == 409
    assert case.latest().state == "withheld"


@pytest.mark.usefixtures("passkey")
def test_nothing_is_asked_of_a_passkey_that_would_be_refused(case: Case) -> None:
    seat = case.office.seat("lai")
    for wrong in ({"reason": "so"}, {"until": "soon"}, {"until": "2030-01-01"}, {"until": "2020-01-01"}):
        asked = {"step": "options", "reason": REASON, "until": UNTIL} | wrong
        assert seat.post(f"{case.path}/override", **asked).status_code == 409


def test_a_line_signed_elsewhere_is_handed_in(case: Case) -> None:
    seat = case.office.seat("lai")
    assert f"accord audit sign {case.run} --model {case.model} --verdict FAIL" in seat.get(case.path).text
    assert seat.post(f"{case.path}/document", document=signed_line(case)).status_code == 303
    assert case.latest().state == "overridden"


def test_a_line_that_is_not_hers_or_not_one_at_all_is_refused_and_leaves_a_finding(case: Case) -> None:
    hers = signed_line(case)
    other = json.dumps(json.loads(hers) | {"signature": base64.b64encode(bytes(64)).decode()})
    for person, line in (("lai", "nonsense"), ("lai", other), ("huang", hers)):
        answer = case.office.seat(person).post(f"{case.path}/document", document=line)
        assert answer.status_code == 409
        assert 'role="alert"' in answer.text
        assert case.latest().state == "withheld"
    kinds = [one.kind for one in case.store.read(governance.findings, only_open=True)]
    assert "refused-attempt" in kinds


def test_who_signs_no_answers_is_not_asked(case: Case) -> None:
    line = signed_line(case)
    for person in ("wu", "chen", "aud"):
        seat = case.office.seat(person)
        assert "Let this model through" not in seat.get(case.path).text
        assert seat.post(f"{case.path}/override", step="options").status_code == 403
        assert seat.post(f"{case.path}/document", document=line).status_code == 403


def test_the_command_line_signs_with_a_key_file_and_every_report_says_so(case: Case, key_file: Path, capsys) -> None:
    asked = ["audit", "override", case.run, "--key", str(key_file), "--as", "lai", "--reason", REASON, "--until"]
    assert accord([*asked, "some day"]) == 2
    assert accord([*asked, "2099-01-01"]) == 2
    assert accord([*asked, UNTIL]) == 0
    assert case.latest().state == "overridden"
    assert accord(["audit", "show", case.run]) == 1
    said = capsys.readouterr()
    assert f"OVERRIDDEN by lai until {UNTIL} (signed): {REASON}" in said.out
    assert "Traceback" not in said.out + said.err


def test_what_is_signed_on_ones_own_machine_is_what_the_page_takes(case: Case, key_file: Path, capsys) -> None:
    seat = case.office.seat("lai")
    command = seat.get(case.path).text.partition("<pre")[2].partition(">")[2].partition("</pre>")[0]
    words = [str(key_file) if word == "FILE" else REASON if word == "WORDS" else word for word in command.split()]
    assert accord(words[1:]) == 0
    assert seat.post(f"{case.path}/document", document=capsys.readouterr().out).status_code == 303
    assert case.latest().state == "overridden"
