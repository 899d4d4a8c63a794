"""What a machine may ask and say, and that every refusal is a problem document that leaves nothing behind."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consent_center.api.create import LARGEST_BODY
from consent_center.consent.receipt import read_receipt
from consent_center.storage import entries
from consent_center.web.problems import CODES, MEDIA_TYPE, PROBLEMS
from consent_center.workflows.machine_tokens import TokenScope, issue_token, revoke_token
from tests.consent_center.world import ABROAD, AGE, DAY, NOW, OFFER, SERVICE, TRAIN, notice

SECOND = timedelta(seconds=1)


def code(answer) -> str:
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["code"] in CODES
    return body["code"]


def test_a_statement_decides_the_next_verdict(any_api):
    made = any_api.client.post("/statements", json=any_api.statement())
    assert made.status_code == 201
    asked = {"member": any_api.members[0], **TRAIN._asdict()}
    answer = any_api.client.get("/verdicts", params=asked).json()
    assert (answer["allowed"], answer["statement"]) == (True, made.json()["statement"])
    any_api.now[0] += SECOND
    any_api.client.post("/statements", json=any_api.statement("withdrawn"))
    assert any_api.client.get("/verdicts", params=asked).json()["reason"] == "withdrawn"
    many = {
        "items": [TRAIN._asdict(), OFFER._asdict()],
        "questions": [{"member": m, "item": i} for m in any_api.members for i in (0, 1)],
    }
    reasons = any_api.client.post("/verdicts", json=many).json()["reasons"]
    assert reasons == ["withdrawn", *["never-asked"] * 5]


def test_the_same_request_again_changes_nothing(any_api):
    key = {"Idempotency-Key": "one"}
    first = any_api.client.post("/statements", json=any_api.statement(), headers=key)
    again = any_api.client.post("/statements", json=any_api.statement(), headers=key)
    assert first.status_code == again.status_code == 201
    assert first.text == again.text
    mine = f"/members/{any_api.members[0]}/statements"
    assert len(any_api.client.get(mine).json()["statements"]) == 1
    other = any_api.client.post("/statements", json=any_api.statement("refused"), headers=key)
    assert (other.status_code, code(other)) == (409, "idempotency-conflict")
    someone_else = any_api.client.post(
        "/statements", json=any_api.statement("refused"), headers={**key, **any_api.token()}
    )
    assert someone_else.status_code == 201, "keys of one token say nothing to another"


def test_the_same_request_sent_many_times_at_once_is_done_once(any_api):
    def ask(number):
        payload = any_api.statement("given" if number < 12 else "refused")
        return any_api.client.post("/statements", json=payload, headers={"Idempotency-Key": "together"})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    kept = {answer.text for answer in answers if answer.status_code == 201}
    assert len(kept) == 1
    assert {code(answer) for answer in answers if answer.status_code != 201} == {"idempotency-conflict"}
    mine = any_api.client.get(f"/members/{any_api.members[0]}/statements").json()["statements"]
    assert len(mine) == 1


def test_statements_that_come_together_are_answered_each_on_its_own(any_api):
    def ask(number):
        member = any_api.members[number % 3] if number % 2 else "0" * 32
        return any_api.client.post("/statements", json=any_api.statement("refused", member=member))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(32)))
    assert [answer.status_code for answer in answers] == [201 if number % 2 else 404 for number in range(32)]
    numbers = [answer.json()["statement"] for answer in answers if answer.status_code == 201]
    assert len(set(numbers)) == 16


def test_a_refused_request_does_not_use_up_its_key(api):
    key = {"Idempotency-Key": "one"}
    refused = api.client.post("/statements", json=api.statement("given", TRAIN, AGE), headers=key)
    assert code(refused) == "separate-consent"
    assert api.client.post("/statements", json=api.statement(), headers=key).status_code == 201


def test_the_receipt_is_checked_with_the_public_key_alone(api):
    made = api.client.post("/statements", json=api.statement()).json()
    answer = api.client.get(f"/members/{api.members[0]}/receipts/{made['statement']}").json()
    receipt = read_receipt(answer["signed"], api.world.receipt_key.public_key())
    assert receipt.document == answer["document"]
    other = api.client.get(f"/members/{api.members[1]}/receipts/{made['statement']}")
    assert code(other) == "statement-unknown"


def test_global_privacy_control_overrides_a_yes_to_personalised_purposes(api):
    both = api.statement("given", TRAIN, OFFER)
    api.client.post("/statements", json=both, headers={"Sec-GPC": "1"})
    page = api.client.get(f"/members/{api.members[0]}/consents").json()
    reasons = {one["item"]["purpose"]: one["reason"] for one in page["choices"] if one["since"]}
    assert reasons == {"churn-model": "allowed", "personalised-offers": "objected"}
    assert page["no_personalised"]


def test_a_sites_token_names_members_by_its_pseudonyms_and_sees_its_own_matters_only(api):
    linked = api.client.post("/members", json={}).json()["member"]
    at_service = api.client.post(f"/members/{linked}/enrolments", json={"site": "service"}).json()
    site = api.token(site="service")
    said = api.client.post(
        "/statements", json=api.statement("given", SERVICE, member=at_service["pseudonym"]), headers=site
    )
    assert said.json()["member"] == at_service["pseudonym"]
    asked = {"member": at_service["pseudonym"], **SERVICE._asdict()}
    assert api.client.get("/verdicts", params=asked, headers=site).json()["allowed"]
    page = api.client.get(f"/members/{at_service['pseudonym']}/consents", headers=site)
    assert linked not in page.text
    assert {one["item"]["recipient"] for one in page.json()["choices"]} == {"service"}
    for refused in (
        api.client.get(f"/members/{linked}/consents", headers=site),
        api.client.get("/verdicts", params={**asked, "member": linked}, headers=site),
    ):
        assert code(refused) == "member-unknown"
    for refused in (
        api.client.get("/verdicts", params={"member": at_service["pseudonym"], **TRAIN._asdict()}, headers=site),
        api.client.post("/statements", json=api.statement(member=at_service["pseudonym"]), headers=site),
        api.client.get("/exports/statements", headers=site),
        api.client.post("/members", json={}, headers=site),
        api.client.get("/propagation?recipient=sales", headers=site),
        api.client.put("/propagation/endpoints/sales", json={"url": "https://service.example/"}, headers=site),
        api.client.put("/imports/x", content=b"", headers=site),
    ):
        assert (refused.status_code, code(refused)) == (403, "token-scope")
    batch = {
        "items": [SERVICE._asdict()],
        "questions": [{"member": at_service["pseudonym"], "item": 0}, {"member": linked, "item": 0}],
    }
    answers = api.client.post("/verdicts", json=batch, headers=site).json()["reasons"]
    assert answers == ["allowed", "unknown-member"]
    both = api.statement("withdrawn", SERVICE, TRAIN, member=linked)
    assert api.client.post("/statements", json=both).status_code == 201
    tasks = [api.client.get("/propagation", headers=one).json()["items"] for one in (site, None)]
    assert [{task["recipient"] for task in some} for some in tasks] == [{"service"}, {"sales", "service"}]
    history = api.client.get(f"/members/{at_service['pseudonym']}/statements", headers=site).json()["statements"]
    assert [[item["recipient"] for item in one["items"]] for one in history] == [["service"], ["service"]]


HER, HELD = f"/members/{'0' * 32}", f"/reviews/{'0' * 64}"
GUARDIAN = {"kind": "guardian", "to": "1" * 32, "evidence": "2" * 64, "ends": "2030-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/scopes", {"code": "x", "fields": ["y"], "scope_class": "ordinary", "provenance": "observed"}),
        ("POST", f"{HER}/enrolments", {"site": "service"}),
        ("DELETE", f"{HER}/enrolments/service", None),
        ("GET", f"{HER}/delegations", None),
        ("POST", f"{HER}/delegations", GUARDIAN),
        ("DELETE", f"{HER}/delegations/{'3' * 32}", None),
        ("GET", f"{HER}/runs/run-1/presence", None),
        ("GET", f"{HER}/receipts/4", None),
        ("GET", "/analytics/rates", None),
        ("GET", "/processing", None),
        ("GET", "/reviews", None),
        ("GET", HELD, None),
        ("POST", f"{HELD}/decision", {"passed": True, "reason": "read and in order"}),
    ],
)
def test_what_is_the_programmes_own_matter_is_no_sites_whatever_its_token_may(api, method, path, body):
    refused = api.client.request(method, path, json=body, headers=api.token(site="service"))
    assert (refused.status_code, code(refused)) == (403, "token-scope"), refused.text


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/scopes", TokenScope.DEFINITIONS_READ),
        ("POST", "/scopes", TokenScope.DEFINITIONS_WRITE),
        ("GET", "/notices", TokenScope.DEFINITIONS_READ),
        ("POST", "/notices", TokenScope.DEFINITIONS_WRITE),
        ("POST", "/members", TokenScope.MEMBERS_WRITE),
        ("POST", "/statements", TokenScope.CONSENTS_WRITE),
        ("GET", f"/members/{'0' * 32}/consents", TokenScope.CONSENTS_READ),
        ("POST", "/verdicts", TokenScope.VERDICTS_READ),
        ("POST", "/cohorts/preview", TokenScope.COHORTS_READ),
        ("GET", "/propagation", TokenScope.PROPAGATION_READ),
        ("PUT", "/propagation/endpoints/sales", TokenScope.PROPAGATION_WRITE),
        ("PUT", "/imports/x", TokenScope.IMPORTS_WRITE),
        ("GET", "/exports/statements", TokenScope.EXPORTS_READ),
        ("GET", "/analytics/rates", TokenScope.ANALYTICS_READ),
    ],
)
def test_a_token_without_the_scope_is_refused(api, method, path, scope):
    before = api.world.store.read(entries.last_id)
    narrow = api.token(*(set(TokenScope) - {scope}))
    answer = api.client.request(method, path, headers=narrow)
    assert (answer.status_code, code(answer)) == (403, "token-scope")
    none = api.client.request(method, path, headers={"Authorization": ""})
    assert (none.status_code, code(none)) == (401, "token-invalid")
    assert none.headers["www-authenticate"] == "Bearer"
    assert api.world.store.read(entries.last_id) == before + 1, "only the token itself was written"


def test_expired_and_revoked_tokens_are_refused(api):
    mine = api.token(TokenScope.DEFINITIONS_READ)
    assert api.client.get("/scopes", headers=mine).status_code == 200
    api.now[0] = NOW + DAY
    assert code(api.client.get("/scopes", headers=mine)) == "token-invalid"
    fresh = api.token(TokenScope.DEFINITIONS_READ)
    token = api.world.token(fresh["Authorization"].removeprefix("Bearer "), at=api.now[0])
    api.world.store.run(revoke_token, token.id, at=api.now[0])
    api.now[0] += 2 * SECOND
    assert code(api.client.get("/scopes", headers=fresh)) == "token-invalid"


def test_a_token_that_was_just_used_still_ends_at_its_end(api):
    end = {"expires_at": NOW + SECOND, "at": NOW}
    _, secret = api.world.store.run(issue_token, [TokenScope.DEFINITIONS_READ], **end)
    mine = {"Authorization": f"Bearer {secret}"}
    assert api.client.get("/scopes", headers=mine).status_code == 200
    api.now[0] = NOW + SECOND
    assert code(api.client.get("/scopes", headers=mine)) == "token-invalid"


def test_a_token_that_asks_too_often_is_told_when_to_come_back(api):
    api.world.rate_per_minute = 60
    mine = api.token(TokenScope.DEFINITIONS_READ)
    answers = [api.client.get("/scopes", headers=mine) for _ in range(62)]
    last = next(one for one in answers if one.status_code != 200)
    assert (last.status_code, code(last)) == (429, "too-many-requests")
    assert int(last.headers["retry-after"]) >= 1


def refused_payloads(api):
    good = api.statement()
    item = TRAIN._asdict()
    yield "statement-refused", {**good, "expires_at": (NOW - DAY).isoformat()}
    yield "notice-unknown", {**good, "version": 9}
    yield "item-unknown", {**good, "items": [{**item, "country": "KR"}]}
    yield "member-unknown", {**good, "member": "0" * 32}
    yield "separate-consent", api.statement("given", TRAIN, ABROAD)
    yield "actor-refused", {**good, "actor": "guardian", "delegation": "ab" * 16}
    yield "statement-refused", {**good, "actor": "guardian"}
    yield "statement-refused", {**good, "delegation": "ab" * 16}
    yield "statement-refused", {**good, "items": [item, item]}
    yield "statement-refused", {**good, "act": "refused", "expires_at": (NOW + DAY).isoformat()}
    for wrong in (
        {**good, "act": "revoked"},
        {**good, "language": "tlh"},
        {**good, "choices": "x"},
        {**good, "items": []},
        {**good, "items": [item] * 201},
        {**good, "member": "../../etc"},
        {**good, "extra": 1},
        {**good, "version": 10**30},
        {**good, "version": True},
        {**good, "expires_at": "2026-11-21T00:00:00"},
        {**good, "expires_at": "9999-12-31T23:59:59-23:59"},
        {**good, "items": [{**item, "scope": "pur\u0000chases"}]},
        {**good, "items": [{**item, "scope": "購買"}]},
        {**good, "items": [{**item, "country": "ＴＷ"}]},
        [good],
        "\ud800",
        None,
    ):
        yield "payload", wrong


def test_what_cannot_be_said_is_a_problem_and_leaves_nothing(api):
    before = api.world.store.read(entries.last_id)
    for expected, payload in refused_payloads(api):
        answer = api.client.post(
            "/statements", content=json.dumps(payload), headers={"content-type": "application/json"}
        )
        assert answer.status_code >= 400, (payload, answer.text)
        assert code(answer) == expected, (payload, answer.text)
        assert answer.status_code < 500
    for raw in (b"{", b"\xff\xfe", b"", b"[" * 5000, b'{"a":NaN}'):
        answer = api.client.post("/statements", content=raw, headers={"content-type": "application/json"})
        assert code(answer) == "payload", raw[:20]
    assert api.world.store.read(entries.last_id) == before


def test_a_body_that_is_too_long_is_not_read(api):
    answer = api.client.post(
        "/statements", content=b" " * (LARGEST_BODY + 1), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, code(answer)) == (413, "too-large")

    def endless():
        for _ in range(LARGEST_BODY // 65536 + 2):
            yield b" " * 65536

    chunked = api.client.post("/statements", content=endless(), headers={"content-type": "application/json"})
    assert (chunked.status_code, code(chunked)) == (413, "too-large")
    assert code(api.client.put("/imports/endless", content=b"")) == "malformed"


def test_lists_are_paged_bounded_and_tagged(api):
    codes, after = [], ""
    while after is not None:
        page = api.client.get("/purposes", params={"limit": 2, "after": after}).json()
        codes.extend(one["code"] for one in page["items"])
        after = page["next"]
    assert codes == sorted(["churn-model", "fairness-audit", "matching", "personalised-offers"])
    first = api.client.get("/purposes")
    same = api.client.get("/purposes", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    other = api.client.get("/purposes?limit=3", headers={"If-None-Match": first.headers["etag"]})
    assert (other.status_code, other.json()["next"]) == (200, codes[2])
    assert code(api.client.get("/purposes?limit=1001")) == "payload"
    assert code(api.client.get("/purposes?limit=0")) == "payload"


def test_definitions_are_data_and_cannot_become_weaker(api):
    scope = {"code": "mood", "fields": ["mood"], "scope_class": "ordinary", "provenance": "inferred"}
    assert code(api.client.post("/scopes", json=scope)) == "definition-refused"
    assert api.client.post("/scopes", json={**scope, "scope_class": "sensitive"}).status_code == 201
    weaker = {**scope, "scope_class": "ordinary", "provenance": "given"}
    assert code(api.client.post("/scopes", json=weaker)) == "definition-refused"
    purpose = {"code": "new", "scopes": ["nowhere"]}
    assert code(api.client.post("/purposes", json=purpose)) == "definition-unknown"


def test_a_notice_that_presses_is_held_back(api):
    known = api.client.get("/notices/core/versions/1").json()
    draft = {**known, "version": 2, "published_at": None}
    draft["texts"]["en"]["refuse"] = "No, I don't care about saving"
    assert api.client.post("/notices/lint", json=draft).json()["held_back"]
    held = api.client.post("/notices", json=draft)
    assert (held.status_code, code(held)) == (409, "notice-held")
    assert any("guilt" in one for one in held.json()["findings"])
    draft["texts"]["en"]["refuse"] = "Do not allow"
    assert api.client.post("/notices", json=draft).status_code == 201
    del draft["texts"]["zh-Hans"]
    incomplete = api.client.post("/notices", json={**draft, "version": 3})
    assert code(incomplete) == "notice-refused"


def test_previews_are_bands_that_do_not_move_when_asked_again(api):
    cohort = {"site": "sales", "country": "TW", "uses": [{"purpose": "churn-model", "scopes": ["purchases"]}]}
    answers = {api.client.post("/cohorts/preview", json=cohort).text for _ in range(30)}
    assert len(answers) == 1
    assert json.loads(answers.pop()) == {"at_least": 0, "below": 50}
    api.client.post("/statements", json=api.statement())
    assert api.client.post("/cohorts/size", json=cohort, headers=api.token(site="sales")).json() == {"members": 1}
    for other in ({}, api.token(site="service")):
        assert code(api.client.post("/cohorts/size", json=cohort, headers=other)) == "token-scope"


def rows_of(api, count: int) -> list[dict[str, str]]:
    return [
        {
            "member": api.members[number % len(api.members)],
            "act": "given" if number % 2 else "refused",
            "items": f"{TRAIN} {OFFER}",
            "notice": "core",
            "version": "1",
            "language": "en",
            "choices": "0" * 64,
            "said_at": (NOW - DAY + timedelta(seconds=number)).isoformat(),
            "expires_at": "",
        }
        for number in range(count)
    ]


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: list[dict[str, str]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


@pytest.mark.parametrize(("kind", "written"), [("csv", as_csv), ("parquet", as_parquet)])
def test_an_import_takes_what_it_can_names_the_rest_and_exports_it_again(api, kind, written):
    rows = rows_of(api, 40)
    rows[7]["items"] = "nonsense"
    rows[11]["member"] = "0" * 32
    rows[13]["act"] = "revoked"
    rows[17]["said_at"] = (NOW + DAY).isoformat()
    path = f"/imports/first?format={kind}"
    rehearsal = api.client.put(path + "&dry_run=true", content=written(rows)).json()
    assert (rehearsal["rows_kept"], rehearsal["rows_refused"]) == (0, 4)
    assert api.client.get("/imports/first").json()["rows_read"] == 0
    done = api.client.put(path, content=written(rows)).json()
    assert (done["rows_read"], done["rows_kept"], done["rows_refused"], done["finished"]) == (40, 36, 4, True)
    assert [one["row"] for one in done["errors"]] == [8, 12, 14, 18]
    assert {one["code"] for one in done["errors"]} < set(CODES)
    assert api.client.put(path, content=written(rows)).json() == done, "a finished import stays finished"
    for other in (rows[:-1], [*rows, rows[0]], [*rows[1:], rows[0]]):
        assert api.client.put(path, content=written(other)).status_code in (409, 422), (
            "another file is not taken for it"
        )
    exported = api.client.get(f"/exports/statements?format={kind}").content
    if kind == "csv":
        back = list(csv.DictReader(io.StringIO(exported.decode())))
    else:
        back = pq.read_table(io.BytesIO(exported)).to_pylist()
    assert len(back) == 36
    assert {row["member"] for row in back} <= set(api.members)
    assert [row["act"] for row in back] == [row["act"] for n, row in enumerate(rows) if n not in (7, 11, 13, 17)]


def test_an_import_of_something_else_is_refused(api):
    for body, kind in ((b"a,b\n1,2\n", "csv"), (b"\xff\xfe", "csv"), (b"PAR1", "parquet"), (b"", "parquet")):
        answer = api.client.put(f"/imports/other?format={kind}", content=body)
        assert (answer.status_code, code(answer)) == (422, "malformed")
    assert code(api.client.put("/imports/other?format=xml", content=b"")) == "payload"


def test_rates_show_no_small_groups(api):
    api.client.put("/imports/rates", content=as_csv(rows_of(api, 19)))
    [train, *_] = [one for one in api.client.get("/analytics/rates").json()["items"] if "churn" in one["item"]]
    assert train["asked"] is None
    api.client.put("/imports/more", content=as_csv(rows_of(api, 21)))
    [train, *_] = [one for one in api.client.get("/analytics/rates").json()["items"] if "churn" in one["item"]]
    assert train["asked"] == 40
    assert train["consent"] == pytest.approx(19 / 40)


def test_every_problem_has_a_code_of_its_own_and_a_status_that_is_not_ours():
    codes = [kind.code for kind in PROBLEMS.values()]
    assert len(set(CODES)) == len(CODES)
    assert len(codes) == len(set(codes))
    assert all(400 <= kind.status < 500 or kind.code == "storage" for kind in PROBLEMS.values())


def test_a_material_notice_asks_again_through_the_api(api):
    api.client.post("/statements", json=api.statement())
    from consent_center.workflows.publish_notice import publish_notice

    api.now[0] += SECOND
    api.world.store.run(publish_notice, notice(2, at=api.now[0]), at=api.now[0])
    asked = {"member": api.members[0], **TRAIN._asdict()}
    assert api.client.get("/verdicts", params=asked).json()["reason"] == "notice-changed"
    before = api.world.store.read(entries.last_id)
    late = api.client.post("/statements", json=api.statement())
    assert (late.status_code, code(late)) == (409, "notice-refused"), "a yes to a version that has ended"
    assert api.world.store.read(entries.last_id) == before


def test_the_record_of_processing_is_paged_tagged_and_for_the_programme_only(api):
    page = api.client.get("/processing")
    listed = page.json()["items"]
    assert {one["name"] for one in listed} >= {"churn-model/sales/TW", "matching/grocer/TW"}
    assert all(one["in_force"] and one["basis"] == "consent" for one in listed)
    assert api.client.get("/processing", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    first = api.client.get("/processing?limit=1").json()
    second = api.client.get("/processing", params={"limit": 1, "after": first["next"]}).json()
    assert [first["items"][0], second["items"][0]] == listed[:2]
    assert code(api.client.get("/processing", headers=api.token(site="sales"))) == "token-scope"
