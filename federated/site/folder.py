"""A site's folder: everything a site owns, in one place that only its owner reads.

Layout:

site.toml            its policy: what it allows, whose keys it pins
data.duckdb          its rows, table `members`, one row per member under the site's own pseudonyms
data.toml            where its rows are, if they are elsewhere (see `engines`)
site.db              enrolments, its ledger copy, its journal of runs
keys/approval.key    the key with which the site approves plans; never leaves the folder
keys/node.key        P-384, the key with which its process is known to the coordinator (deployed sites only)
coordinator.json     where the coordinator is, and which authority vouches for it (deployed sites only)
columns.json         the columns of the programme's plans, with their public ranges (deployed sites only)
mock.duckdb          made-up members with these columns, for trying things out (deployed sites only)
request.json         what the site asked to be approved with (deployed sites only)
keys/speak.key       the key with which the site speaks to other sites in secure sums; they pin its public half
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated.approvals import Pinned
from federated.gate import Clock
from federated.keyfile import create_key, public_text, read_key
from federated.passkey_signature import key_text
from federated.site.agent import SiteAgent
from federated.site.engines import source_in
from federated.site.policy import parse_policy, read_policy
from federated.site.source import Source
from federated.site.store import SiteStore
from federated.site.summing import Speaks
from privacy.noise import NoiseSource, SecureNoise


@dataclass(frozen=True)
class SiteFolder:
    """Where a site's things are."""

    path: Path

    @property
    def policy(self) -> Path:
        """Its rules."""
        return self.path / "site.toml"

    @property
    def data(self) -> Path:
        """Its rows."""
        return self.path / "data.duckdb"

    @property
    def database(self) -> Path:
        """Its own records."""
        return self.path / "site.db"

    @property
    def approval_key_file(self) -> Path:
        """The key it approves with."""
        return self.path / "keys" / "approval.key"

    @property
    def speak_key_file(self) -> Path:
        """The key it speaks to other sites with."""
        return self.path / "keys" / "speak.key"

    @property
    def node_key_file(self) -> Path:
        """The key of its process on the network, P-384."""
        return self.path / "keys" / "node.key"

    @property
    def coordinator_file(self) -> Path:
        """Where the coordinator is."""
        return self.path / "coordinator.json"

    @property
    def columns_file(self) -> Path:
        """The columns of the programme's plans, as its invitation told them."""
        return self.path / "columns.json"

    @property
    def mock_file(self) -> Path:
        """Made-up members, for trying things out."""
        return self.path / "mock.duckdb"

    @property
    def request_file(self) -> Path:
        """What it asked the programme to be approved with."""
        return self.path / "request.json"

    def approval_key(self) -> Ed25519PrivateKey:
        """The key it approves with, read now."""
        return read_key(self.approval_key_file)


@dataclass(frozen=True)
class Limits:
    """What a new site sets as its limits: (epsilon, epsilon_pure) of a run and of a year, at `delta`."""

    minimum_cohort: int
    members: int
    delta: float = 1e-5
    run: tuple[float, float] = (4.0, 2.0)
    year: tuple[float, float] = (8.0, 4.0)


@dataclass(frozen=True)
class Permissions:
    """What a new site lists as allowed; see `site.policy`."""

    models: Sequence[str]
    purposes: Sequence[str]
    scopes: Sequence[str]
    columns: Sequence[str]
    countries: Sequence[str]


def create_site(
    path: Path,
    *,
    name: str,
    organisation: str,
    hub_key: Ed25519PublicKey,
    allow: Permissions,
    limits: Limits,
    reviewers: Sequence[Pinned],
) -> SiteFolder:
    """Make a new site's folder: its approval key and its policy, which requires every role of `reviewers` and its own.

    Args:
        path: the folder; made if missing.
        name: the site's name; its own role is "site:NAME", and so is its reviewer's name.
        organisation: whose site it is.
        hub_key: the consent centre's public key, fetched out of band.
        allow: what the site allows; anything else is refused.
        limits: its limits.
        reviewers: whom it pins, besides itself.

    Raises:
        FileExistsError: there is a site in this folder already.
        MalformedError: the parts do not make a policy.
    """
    folder = SiteFolder(path)
    if folder.policy.exists():
        raise FileExistsError(f"there is a site in {path} already; choose an empty folder")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = f"site:{name}"
    key = create_key(folder.approval_key_file)
    create_key(folder.speak_key_file)
    pinned = [*reviewers, Pinned(reviewer=own, role=own, organisation=organisation, key=key.public_key())]
    text = policy_text(name=name, hub_key=hub_key, allow=allow, limits=limits, reviewers=pinned)
    parse_policy(text)
    folder.policy.write_text(text, encoding="utf-8")
    SiteStore(folder.database).close()
    return folder


def open_site(folder: SiteFolder, *, clock: Clock, noise: NoiseSource | None = None) -> SiteAgent:
    """The agent of a site, ready for orders.

    Args:
        folder: the site's folder.
        clock: now, timezone-aware.
        noise: None for the operating system's entropy; anything else is for tests.

    Raises:
        MalformedError: its policy cannot be read.
    """
    return SiteAgent(
        policy=read_policy(folder.policy),
        store=SiteStore(folder.database),
        source=source_of(folder),
        noise=SecureNoise() if noise is None else noise,
        clock=clock,
        draw_nonce=lambda: secrets.token_hex(16),
        speaks=_speaks(folder),
    )


def source_of(folder: SiteFolder) -> Source:
    """Where the site's rows are."""
    return source_in(folder.path)


def pin_peers(folder: SiteFolder, peers: Mapping[str, Ed25519PublicKey]) -> None:
    """Add other sites to the policy, as those that this one sums with; each must be new.

    Raises:
        MalformedError: one is there already, or the policy cannot be read.
    """
    lines = [
        f"\n[[peers]]\nsite = {_quoted(site)}\nkey = {_quoted(public_text(key))}\n"
        for site, key in sorted(peers.items())
    ]
    text = folder.policy.read_text(encoding="utf-8") + "".join(lines)
    parse_policy(text)
    folder.policy.write_text(text, encoding="utf-8")


def allow_exchanges(
    folder: SiteFolder, partners: Sequence[str], *, epsilon_label: float, epsilon_bin: float, runs: int
) -> None:
    """Add partners with whom this site takes part in randomised exchanges, up to these numbers; each must be new.

    Raises:
        MalformedError: one is there already, or the policy cannot be read.
    """
    lines = [
        f"\n[[exchanges]]\nsite = {_quoted(site)}\nepsilon_label = {epsilon_label!r}\n"
        f"epsilon_bin = {epsilon_bin!r}\nruns = {runs}\n"
        for site in partners
    ]
    text = folder.policy.read_text(encoding="utf-8") + "".join(lines)
    parse_policy(text)
    folder.policy.write_text(text, encoding="utf-8")


def _speaks(folder: SiteFolder) -> Speaks | None:
    if not folder.speak_key_file.exists():
        return None
    return Speaks(key=read_key(folder.speak_key_file), draw_seed=lambda: secrets.token_bytes(32))


def policy_text(
    *, name: str, hub_key: Ed25519PublicKey, allow: Permissions, limits: Limits, reviewers: Sequence[Pinned]
) -> str:
    """The text of a `site.toml`; required are the roles of all its reviewers."""
    lists = ("models", "purposes", "scopes", "columns", "countries")
    lines = [
        f"name = {_quoted(name)}",
        f"hub_key = {_quoted(public_text(hub_key))}",
        "",
        "[allow]",
        *(f"{key} = {_list(getattr(allow, key))}" for key in lists),
        "",
        "[limits]",
        f"minimum_cohort = {limits.minimum_cohort}",
        f"members = {limits.members}",
        f"delta = {limits.delta!r}",
    ]
    for period, (epsilon, pure) in (("run", limits.run), ("year", limits.year)):
        lines += [f"[limits.{period}]", f"epsilon = {float(epsilon)!r}", f"epsilon_pure = {float(pure)!r}"]
    lines += ["", "[approvals]", f"required = {_list(sorted({one.role for one in reviewers}))}"]
    for one in reviewers:
        lines += [
            "[[approvals.reviewers]]",
            f"reviewer = {_quoted(one.reviewer)}",
            f"role = {_quoted(one.role)}",
            f"organisation = {_quoted(one.organisation)}",
            f"key = {_quoted(key_text(one.key))}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON text is a TOML text: both escape quotes, backslashes and control characters in the same way.
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(_quoted(text) for text in texts) + "]"
