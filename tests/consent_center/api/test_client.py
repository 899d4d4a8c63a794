"""The partners' client says and asks what it means, repeats a lost write without doubling it, believes no forgery."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from consent_center.client import Client, Item, ProblemError, UnavailableError, UnsignedError, read_webhook, secret_of
from tests.consent_center.world import CHOICES, TRAIN

HERE = {"notice": "core", "version": 1, "language": "en", "choices": CHOICES}
WANTED = Item(*TRAIN)


class Wire(httpx.BaseTransport):
    """Carries requests to the application; loses the first answers if told to."""

    def __init__(self, api, lose: int = 0) -> None:
        self.api, self.lose = api, lose

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        path = request.url.raw_path.decode().removeprefix("/v1")
        answer = self.api.client.request(request.method, path, content=request.read(), headers=headers)
        if self.lose:
            self.lose -= 1
            raise httpx.ReadError("the line went dead")
        return httpx.Response(answer.status_code, headers={"content-type": "application/json"}, content=answer.content)


def client_of(api, lose: int = 0) -> Client:
    token = api.token()["Authorization"].removeprefix("Bearer ")
    return Client("https://consent.example/v1", token, transport=Wire(api, lose))


def test_it_says_and_asks(api):
    mei, ann, _ = api.members
    with client_of(api) as client:
        number = client.say(mei, "given", [WANTED], **HERE)
        assert client.verdict(mei, WANTED).statement == number
        assert [one.allowed for one in client.verdicts([(mei, WANTED), (ann, WANTED)])] == [True, False]
        assert list(client.told()) == []
        with pytest.raises(ProblemError) as refused:
            client.say("0" * 32, "given", [WANTED], **HERE)
        assert (refused.value.status, refused.value.code) == (404, "member-unknown")


def test_a_lost_answer_is_asked_for_again_and_done_once(api):
    with client_of(api, lose=2) as client:
        client.say(api.members[0], "given", [WANTED], **HERE)
    said = api.client.get(f"/members/{api.members[0]}/statements").json()["statements"]
    assert len(said) == 1
    with client_of(api, lose=9) as client, pytest.raises(UnavailableError):
        client.say(api.members[1], "given", [WANTED], **HERE)


def test_only_a_signed_message_is_believed():
    secret = secret_of(bytes(range(32)))
    body = json.dumps({"type": "consent.ended"})
    now = datetime.now(UTC)  # noqa: TID251 - the library compares with the clock of the machine
    good = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", now, body),
    }
    assert read_webhook(secret, good, body.encode()) == {"type": "consent.ended"}
    for headers, told in (
        (good, body.encode() + b" "),
        ({**good, "Webhook-Id": "msg_2"}, body.encode()),
        ({**good, "Webhook-Timestamp": str(int(now.timestamp()) - 3600)}, body.encode()),
        ({}, body.encode()),
    ):
        with pytest.raises(UnsignedError):
            read_webhook(secret, headers, told)
    with pytest.raises(UnsignedError):
        read_webhook(secret_of(bytes(32)), good, body.encode())
