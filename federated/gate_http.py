"""The gate over HTTPS: for a coordinator in its own process, which holds a token that may drive runs and nothing else.

A question that got no answer is asked again for a while: statements of removals cost nothing, a token that asks for
admission again is given the run that it has, and settling the same round or run twice is refused by the consent centre,
which then counts as settled.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import httpx

from federated.errors import MalformedError, Refusal, RefusedError
from federated.gate import Admission, RoundReport, RunReport
from federated.gate_wire import (
    nonces_bytes,
    parse_admission,
    parse_statements,
    round_bytes,
    run_bytes,
)
from federated.signed import Signed, decode

TIMEOUT_S = 30.0
TRIES, WAIT_S = 8, 0.25


class HttpGate:
    """`federated.gate.Gate` at a consent centre.

    Args:
        url: of the consent centre, https.
        token: a machine token with the scope `runs:drive`.
        authority: certificates of the authority that vouches for it, PEM; None for the system's.
        wait: sleeps between tries; anything but `time.sleep` is for tests.

    Raises:
        MalformedError: the address is not https.
    """

    def __init__(
        self, url: str, *, token: str, authority: str | None = None, wait: Callable[[float], None] = time.sleep
    ) -> None:
        if not url.startswith("https://"):
            raise MalformedError("the consent centre is asked over https only; correct its address")
        self._wait = wait
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/v1/gate/",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"},
            verify=ssl.create_default_context(cadata=authority),
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def admit_run(self, study: str) -> Admission:
        """Admit one run of an approved study, or give the run that this token drives, with its checkpoints."""
        return parse_admission(self._ask("admit-run", study.encode()))

    def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> Mapping[str, Signed]:
        """One signed statement of removals per site that sent a nonce."""
        return parse_statements(self._ask("admit-round", nonces_bytes(run, number, nonces)))

    def settle_round(self, report: RoundReport) -> None:
        """Record a round."""
        self._settle("settle-round", round_bytes(report))

    def settle_run(self, report: RunReport) -> None:
        """Record the end of a run and keep its model as a candidate."""
        self._settle("settle-run", run_bytes(report))

    def _settle(self, question: str, body: bytes) -> None:
        asked = 0

        def count() -> None:
            nonlocal asked
            asked += 1

        try:
            self._ask(question, body, asking=count)
        except RefusedError as refused:
            # The first try may have been carried out although its answer was lost; then the second is out of order.
            if asked == 1 or refused.code is not Refusal.ROUND_OUT_OF_ORDER:
                raise

    def _ask(self, question: str, body: bytes, *, asking: Callable[[], None] = lambda: None) -> bytes:
        wait = WAIT_S
        for left in reversed(range(TRIES)):
            asking()
            try:
                response = self._client.post(
                    question, content=body, headers={"Content-Type": "application/octet-stream"}
                )
            except httpx.TransportError:
                if not left:
                    break
            else:
                if response.status_code == HTTPStatus.OK:
                    return response.content
                if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or not left:
                    raise RefusedError(*_why(response))
            self._wait(wait)
            wait = min(2 * wait, 5.0)
        raise RefusedError(Refusal.NO_QUORUM, "the consent centre cannot be reached; start it, then run again")


def _why(response: httpx.Response) -> tuple[Refusal, str]:
    """The code of a problem document, and what it says to do."""
    try:
        problem = decode(response.content)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (MalformedError, KeyError, TypeError):
        return Refusal.INTERNAL, f"the consent centre answered with status {response.status_code}; look at its log"
    if code in {known.value for known in Refusal}:
        return Refusal(code), detail
    return Refusal.POLICY, f"{detail} ({code})"
