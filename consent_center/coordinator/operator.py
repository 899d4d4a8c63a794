"""What `accord run start` asks: a token for the run at the consent centre, then the coordinator, then the verdict.

Where both are, and with which token, is in one file of the operator:

    hub = "https://127.0.0.1:8443"
    coordinator = "https://127.0.0.1:8801"
    authority = "secrets/ca.crt"            # beside this file
    token_file = "operator.token"           # a token with the scope runs:start, mode 0600
"""

import ssl
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from consent_center.errors import RuleError
from federated.errors import Refusal, RefusedError

OWNER_ONLY = 0o077
TIMEOUT_S = 40.0
TRIES_S = 60.0
"""For how long a coordinator that does not answer is asked again while a run is watched: it may be restarting."""


class OperatorFileError(RuleError):
    """The operator's file, or a file that it names, cannot be used; says which and why."""


@dataclass(frozen=True)
class Operator:
    """Where everything is.

    Attributes:
        hub: address of the consent centre.
        coordinator: address of the coordinator's control routes.
        authority: who vouches for both, PEM.
        token: of scope `runs:start`.
    """

    hub: str
    coordinator: str
    authority: str
    token: str

    def start(self, study: str) -> tuple[str, tuple[str, ...]]:
        """A token for one run of this study, and the sites that it needs.

        Raises:
            RefusedError: the study is not approved, or the consent centre does not answer.
        """
        answer = self._ask("start-run", study)
        return str(answer["token"]), tuple(map(str, answer["sites"]))

    def release(self, run: str) -> dict[str, Any]:
        """The check before release: `verdict`, `state`, `model`, and `gaps` in words.

        Raises:
            RefusedError: it cannot be judged.
        """
        return self._ask("release-run", run)

    def drive(self, study: str, sites: tuple[str, ...], token: str) -> Iterator[dict[str, Any]]:
        """Let the coordinator drive a run, and yield what happens until it has ended.

        Raises:
            RefusedError: the coordinator does not take it, or is gone for too long.
        """
        with self._client(self.coordinator, token) as client:
            self._patiently(client, "POST", "/runs", json={"study": study, "sites": [*sites]})
            number = 0
            while True:
                try:
                    found = self._patiently(client, "GET", f"/runs/events?from={number}")["events"]
                except _ForgottenError:  # it restarted and has resumed the run, or is told of it again
                    self._patiently(client, "POST", "/runs", json={"study": study, "sites": [*sites]})
                    number = 0
                    continue
                for event in found:
                    yield event
                    if "round" not in event:
                        return
                number += len(found)

    def _ask(self, question: str, body: str) -> dict[str, Any]:
        with self._client(self.hub, self.token) as client:
            try:
                answer = client.post(f"/v1/gate/{question}", content=body.encode("ascii", "replace"))
            except httpx.TransportError as error:
                raise RefusedError(Refusal.NO_QUORUM, f"the consent centre at {self.hub} does not answer") from error
        return _answer(answer)

    def _patiently(self, client: httpx.Client, method: str, path: str, **more: Any) -> dict[str, Any]:
        until = time.monotonic() + TRIES_S
        while True:
            try:
                return _answer(client.request(method, path, **more))
            except httpx.TransportError as error:
                if time.monotonic() >= until:
                    why = f"the coordinator at {self.coordinator} does not answer; start it, the run then goes on"
                    raise RefusedError(Refusal.NO_QUORUM, why) from error
                time.sleep(0.5)

    def _client(self, address: str, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cadata=self.authority),
            timeout=TIMEOUT_S,
            trust_env=False,
        )


class _ForgottenError(Exception):
    """The coordinator does not know this run."""


def read_operator(path: Path) -> Operator:
    """Read the operator's file.

    Raises:
        OperatorFileError: it, or what it names, is missing, malformed, or readable by others.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        addresses = {name: str(data[name]) for name in ("hub", "coordinator")}
        token = read_token(path.parent / str(data["token_file"]))
        authority = (path.parent / str(data["authority"])).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorFileError(
            f"cannot read {path} or what it names; run make up, or name another with --as"
        ) from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise OperatorFileError(f"{path} names hub, coordinator, authority and token_file: {error}") from error
    if not all(address.startswith("https://") for address in addresses.values()):
        raise OperatorFileError(f"{path}: both addresses start with https://")
    return Operator(**addresses, authority=authority, token=token)


def read_token(path: Path) -> str:
    """The token in a file that only its owner can read.

    Raises:
        OperatorFileError: missing, or readable by others.
    """
    try:
        if path.stat().st_mode & OWNER_ONLY:
            raise OperatorFileError(f"{path} can be read by others; run chmod 600 on it")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorFileError(f"cannot read the token in {path}; check the path") from error


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        said = response.json()
    except ValueError:
        said = {}
    if response.is_success and isinstance(said, dict):
        return said
    if response.status_code == HTTPStatus.NOT_FOUND and "code" not in said:
        raise _ForgottenError
    code, detail = str(said.get("code", "")), str(said.get("detail", f"status {response.status_code}"))
    known = {one.value for one in Refusal}
    raise RefusedError(Refusal(code) if code in known else Refusal.POLICY, detail)
