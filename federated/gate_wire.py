"""The four questions and their answers as bytes, for a coordinator that is not in the consent centre's process.

The frames are those of `exchange`: one line of JSON, then blobs. Whoever reads one gets exactly what was written, or
`MalformedError`.
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

from federated.errors import MalformedError, Refusal
from federated.exchange import frame, order_bytes, parse_order, unframe
from federated.gate import Admission, RoundReport, RunReport, SiteRound, read_permit
from federated.plan import Kind, parse_plan
from federated.signed import Signed


def admission_bytes(admission: Admission) -> bytes:
    """An admission: one order for each site, the audited model or nothing, the checkpoints of the settled rounds."""
    sites = sorted(admission.orders)
    orders = (order_bytes(admission.orders[site]) for site in sites)
    return frame(
        {"kind": "admission", "run": admission.run, "sites": sites},
        [*orders, admission.package, *admission.checkpoints],
    )


def parse_admission(payload: bytes) -> Admission:
    """Read an admission. What is in it is signed; the sites check it, not the coordinator.

    Raises:
        MalformedError: not one.
    """
    header, blobs = unframe(payload, kind="admission")
    fields = _exactly(header, run=str, sites=list)
    sites = fields["sites"]
    if not 0 < len(sites) < len(blobs):
        raise MalformedError("an admission has an order for each of its sites, and a place for a model")
    orders = {str(site): parse_order(blob) for site, blob in zip(sites, blobs, strict=False)}
    first = next(iter(orders.values()))
    return Admission(
        run=fields["run"],
        plan=parse_plan(first.plan),
        permit=read_permit(first.permit),
        orders=orders,
        checkpoints=tuple(blobs[len(sites) + 1 :]),
        package=blobs[len(sites)],
    )


def nonces_bytes(run: str, number: int, nonces: Mapping[str, str]) -> bytes:
    """The question before a round."""
    return frame({"kind": "nonces", "run": run, "number": number, "nonces": dict(nonces)})


def parse_nonces(payload: bytes) -> tuple[str, int, dict[str, str]]:
    """Read the question before a round.

    Raises:
        MalformedError: not one.
    """
    fields = _exactly(unframe(payload, kind="nonces")[0], run=str, number=int, nonces=dict)
    if not all(isinstance(nonce, str) for nonce in fields["nonces"].values()):
        raise MalformedError("nonces are texts")
    return fields["run"], fields["number"], fields["nonces"]


def statements_bytes(statements: Mapping[str, Signed]) -> bytes:
    """The answer before a round: one signed statement of removals for each site."""
    sites = sorted(statements)
    return frame({"kind": "statements", "sites": sites}, [statements[site].to_text().encode("ascii") for site in sites])


def parse_statements(payload: bytes) -> dict[str, Signed]:
    """Read the answer before a round.

    Raises:
        MalformedError: not one.
    """
    header, blobs = unframe(payload, kind="statements")
    sites = _exactly(header, sites=list)["sites"]
    if len(sites) != len(blobs):
        raise MalformedError("there is a statement for each site")
    return {str(site): Signed.from_text(blob) for site, blob in zip(sites, blobs, strict=True)}


def round_bytes(report: RoundReport) -> bytes:
    """What really happened in a round."""
    sites = {
        site: [done.used_digest, done.used, done.removed, done.refusal.value if done.refusal else ""]
        for site, done in report.sites.items()
    }
    return frame(
        {
            "kind": "round-report",
            "run": report.run,
            "round": report.round,
            "of": report.kind,
            "sites": sites,
            "seconds": float(report.seconds),
            "statements": sorted(report.statements),
        },
        [report.checkpoint, *(report.statements[site].to_text().encode("ascii") for site in sorted(report.statements))],
    )


def parse_round(payload: bytes) -> RoundReport:
    """Read what really happened in a round.

    Raises:
        MalformedError: not that.
    """
    header, blobs = unframe(payload, kind="round-report")
    fields = _exactly(header, run=str, round=int, of=str, sites=dict, seconds=float, statements=list)
    try:
        kind: Kind = next(known for known in get_args(Kind) if known == fields["of"])
        sites = {site: _site_round(*done) for site, done in fields["sites"].items()}
        checkpoint, *texts = blobs
        said = {site: Signed.from_text(text) for site, text in zip(fields["statements"], texts, strict=True)}
    except (StopIteration, TypeError, ValueError) as error:
        raise MalformedError("not the report of a round") from error
    return RoundReport(
        run=fields["run"],
        round=fields["round"],
        kind=kind,
        sites=sites,
        seconds=fields["seconds"],
        checkpoint=checkpoint,
        statements=said,
    )


def run_bytes(report: RunReport) -> bytes:
    """What really happened in a run, with its model."""
    return frame(
        {
            "kind": "run-report",
            "run": report.run,
            "outcome": report.outcome,
            "rounds": report.rounds,
            "results": dict(report.results),
        },
        [report.model],
    )


def parse_run(payload: bytes) -> RunReport:
    """Read what really happened in a run.

    Raises:
        MalformedError: not that.
    """
    header, blobs = unframe(payload, kind="run-report")
    fields = _exactly(header, run=str, outcome=str, rounds=int, results=dict)
    if len(blobs) != 1:
        raise MalformedError("the report of a run has one model, empty if there is none")
    if fields["outcome"] != "completed" and fields["outcome"] not in {code.value for code in Refusal}:
        raise MalformedError("a run is completed, or ended by a code")
    return RunReport(**fields, model=blobs[0])


def _site_round(used_digest: Any, used: Any, removed: Any, refusal: Any) -> SiteRound:
    if not isinstance(used_digest, str) or not re.fullmatch("([0-9a-f]{64})?", used_digest):
        raise MalformedError("whom a site used is a SHA-256, or empty")
    if any(type(count) is not int or not 0 <= count < 2**63 for count in (used, removed)):
        raise MalformedError("what a site did is a digest and two counts")
    return SiteRound(used_digest, used, removed, Refusal(refusal) if refusal else None)


def _exactly(header: Mapping[str, Any], **types: type) -> dict[str, Any]:
    if {*header} != {*types} or any(type(header[name]) is not kind for name, kind in types.items()):
        raise MalformedError(f"a message of the gate has exactly {', '.join(sorted(types))}")
    return dict(header)
