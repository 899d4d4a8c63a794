"""Signing in through an identity provider: OpenID Connect, code flow with PKCE.

Law: the answer counts only with our state, from the issuer we know, signed by one of its keys, for our client, with our
nonce, unexpired; the code is redeemed by us and never seen by a page.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; RFC 7636; RFC 9207.
"""

import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from consent_center.web.tokens import new_secret
from consent_center.workflows.sign_in import IdentityRefusedError

_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_KEYS_LIVE = timedelta(hours=1)
_LEEWAY_S = 60


@dataclass
class Provider:
    """An identity provider, as configured.

    Attributes:
        issuer: exactly as it names itself in its tokens.
        name: what the sign-in page calls it.
        callback: our address that it sends browsers back to.
        transport: how the provider is reached; None for the network. Tests hand in one that answers itself.
    """

    issuer: str
    name: str
    client_id: str
    client_secret: str
    callback: str
    transport: httpx2.BaseTransport | None = None
    _metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    _keys: tuple[datetime, KeySet] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Provider({self.issuer})"

    def begin(self) -> tuple[str, str]:
        """Where to send the browser, and what to remember until it comes back."""
        begun = {"state": new_secret(), "nonce": new_secret(), "verifier": new_secret()}
        url, _ = self._session().create_authorization_url(
            self._about()["authorization_endpoint"],
            state=begun["state"],
            nonce=begun["nonce"],
            code_verifier=begun["verifier"],
        )
        return url, json.dumps(begun)

    def identify(self, begun: str, answer: dict[str, str], *, at: datetime) -> tuple[str, str]:
        """Issuer and subject of an answer that is believed.

        Args:
            begun: what `begin` said to remember.
            answer: the query with which the browser came back.
            at: now.

        Raises:
            IdentityRefusedError: it is not believed.
        """
        remembered = json.loads(begun)
        if not hmac.compare_digest(answer.get("state", "").encode(), remembered["state"].encode()):
            raise IdentityRefusedError("the answer belongs to another sign-in: start again")
        if answer.get("iss", self.issuer) != self.issuer or "code" not in answer:
            raise IdentityRefusedError("the identity provider did not sign you in: start again, or use a link")
        try:
            token = self._session().fetch_token(
                self._about()["token_endpoint"],
                code=answer["code"],
                code_verifier=remembered["verifier"],
                grant_type="authorization_code",
            )
            claims = self._claims(str(token["id_token"]), at=at)
            jwt.JWTClaimsRegistry(
                now=int(at.timestamp()),
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
            ).validate(claims)
        except (JoseError, AuthlibBaseError, httpx2.HTTPError, KeyError, ValueError) as error:
            raise IdentityRefusedError("the identity provider's answer is not believed: start again") from error
        parties = claims["aud"]
        if isinstance(parties, list) and len(parties) > 1 and claims.get("azp") != self.client_id:
            raise IdentityRefusedError("the identity provider's answer is for somebody else: start again")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), remembered["nonce"].encode()):
            raise IdentityRefusedError("the answer belongs to another sign-in: start again")
        return self.issuer, str(claims["sub"])

    def _claims(self, token: str, *, at: datetime) -> dict[str, Any]:
        try:
            return dict(jwt.decode(token, self._key_set(at=at), algorithms=_ALGORITHMS).claims)
        except (JoseError, ValueError):
            self._keys = None  # its keys may have been rotated: ask once more
            return dict(jwt.decode(token, self._key_set(at=at), algorithms=_ALGORITHMS).claims)

    def _key_set(self, *, at: datetime) -> KeySet:
        if self._keys is None or at - self._keys[0] > _KEYS_LIVE:
            document = (
                self._session().request("GET", self._about()["jwks_uri"], withhold_token=True).raise_for_status().json()
            )
            self._keys = at, KeySet.import_key_set(document)
        return self._keys[1]

    def _about(self) -> dict[str, Any]:
        if not self._metadata:
            where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                found = self._session().request("GET", where, withhold_token=True)
                metadata = dict(found.raise_for_status().json())
            except (httpx2.HTTPError, ValueError, TypeError) as error:
                raise IdentityRefusedError("the identity provider does not answer: try again in a while") from error
            if metadata.get("issuer") != self.issuer:
                raise IdentityRefusedError("the identity provider calls itself something else: check the setting")
            self._metadata = metadata
        return self._metadata

    def _session(self) -> OAuth2Client:
        return OAuth2Client(
            client_id=self.client_id,
            client_secret=self.client_secret,
            scope="openid",
            redirect_uri=self.callback,
            code_challenge_method="S256",
            transport=self.transport,
            timeout=10.0,
        )
