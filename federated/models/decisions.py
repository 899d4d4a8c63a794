"""Somebody else's algorithm: not a model of ours, but what it decided, read from one column of each site's rows.

    column NAME           its score, or its decision as 0 or 1, in [0, 1]; missing where it decided nothing
    column NAME_outcome   what came true, 0 or 1; missing where nobody knows yet

A vendor's or a legacy rule's decisions so pass the protocol of every audit: signed plan, cohort by consent, noise,
charge, judge. What is audited is named by its `Declaration`, whose digest is the package of the plan: reviewers sign
who decided and which files the sites counted. Nothing of it can be trained or used to score with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from federated.errors import MalformedError
from federated.models.model import Matrix, Vector
from federated.plan import Feature, Plan, Release
from federated.signed import decode, encode

NAME = "decisions"
OUTCOME = "_outcome"


@dataclass(frozen=True)
class Measure:
    """One number for each member.

    Attributes:
        kind: one of `measures.KINDS`.
        low: the lowest number there is; `high` the highest.
        high: see `low`.
        bins: into how many equal parts it is cut.
        materiality: the difference of means (of shares, for shelves) that matters, in the number's own unit.
        ladder: gauges of this kind (`measures.GAUGES`) by which each site works the number out from its own tables,
            each with its low and high end, fixed before anybody counts; empty if the sites took it in as a file.
        shelves: names of the catalogue's shelves, if that is what is counted; one bin each.
    """

    kind: str
    low: float
    high: float
    bins: int
    materiality: float
    ladder: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    shelves: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """What was audited, as data.

    Attributes:
        name: the column that holds its decisions, at every site.
        maker: who made it.
        version: of it, in the maker's words.
        files: site -> SHA-256 of the file of decisions that this site took in; the sites vouch for it.
        measure: what is measured, if it is one number for each member (`measures`); None for decisions.
    """

    name: str
    maker: str
    version: str
    files: Mapping[str, str]
    measure: Measure | None = None


def declaration_bytes(declared: Declaration) -> bytes:
    """The bytes of a declaration; their digest is the model digest of its audits."""
    data: dict[str, Any] = {
        "version": 1,
        "decisions": declared.name,
        "maker": declared.maker,
        "of": declared.version,
        "files": dict(sorted(declared.files.items())),
    }
    if declared.measure is None:
        return encode(data)
    said = {name: value for name, value in asdict(declared.measure).items() if value not in ((), {})}
    return encode({**data, "measure": said})


def parse_declaration(payload: bytes) -> Declaration:
    """Read a declaration.

    Raises:
        MalformedError: it is none of this version.
    """
    data = decode(payload)
    if not isinstance(data, dict) or {*data} - {"measure"} != {"version", "decisions", "maker", "of", "files"}:
        raise MalformedError("not a declaration of decisions")
    files = data["files"]
    if data["version"] != 1 or not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
        raise MalformedError("not a declaration of decisions of this version")
    return Declaration(
        str(data["decisions"]), str(data["maker"]), str(data["of"]), files, _measure(data.get("measure"))
    )


def _measure(data: Any) -> Measure | None:
    if data is None:
        return None
    try:
        ladder = {rung: (float(low), float(high)) for rung, (low, high) in data.get("ladder", {}).items()}
        found = Measure(**{**data, "ladder": ladder, "shelves": tuple(data.get("shelves", ()))})
        numbers = [float(one) for one in (found.low, found.high, found.materiality)]
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedError("not a declaration of members' numbers") from error
    kind: object = found.kind  # of a file, whatever its type says
    if not isinstance(kind, str) or type(found.bins) is not int or not numbers[0] < numbers[1]:
        raise MalformedError("members' numbers have a kind, a low and a high end, bins and a materiality")
    return found


@dataclass(frozen=True)
class Decisions:
    """The model that is none: its score is what was decided."""

    name: str = NAME

    def check(self, plan: Plan) -> None:
        """Refuse a plan that would do anything but audit one column of decisions.

        Raises:
            MalformedError: says what else it does.
        """
        if len(plan.features) != 1 or plan.features[0].kind != "continuous":
            raise MalformedError("an audit of decisions reads one column of them")
        only = plan.features[0]
        if (only.lo, only.hi) != (0.0, 1.0) or plan.label != only.name + OUTCOME:
            raise MalformedError("decisions lie between 0 and 1, and their outcomes stand beside them")
        if not plan.package or any(release.kind != "audit" for release in plan.releases):
            raise MalformedError("decisions of others are audited only; the plan names their declaration")

    def rounds(self, plan: Plan) -> Sequence[tuple[Release, ...]]:  # noqa: ARG002  the protocol's
        """None: nothing is trained."""
        return ()

    def design(self, features: Sequence[Feature], values: Matrix) -> Matrix:  # noqa: ARG002
        """The decisions as they are, NaN where there is none; shape (members, 1)."""
        return values

    def check_weights(self, plan: Plan, weights: Vector) -> None:  # noqa: ARG002
        """There are none."""
        if weights.shape != (0,):
            raise MalformedError("decisions of others have no weights")

    def contribution(
        self,
        plan: Plan,  # noqa: ARG002
        release: Release,  # noqa: ARG002
        *,
        inputs: Any,  # noqa: ARG002
        labels: Vector,  # noqa: ARG002
        weights: Vector,  # noqa: ARG002
    ) -> Vector:
        """Nothing is trained.

        Raises:
            MalformedError: always.
        """
        raise MalformedError("decisions of others are audited only")

    def start(self, plan: Plan, *, members: int) -> Vector:  # noqa: ARG002
        """No weights."""
        return np.zeros(0)

    def weights(self, state: Vector) -> Vector:
        """No weights."""
        return state

    def update(self, state: Vector, totals: Mapping[str, Vector]) -> Vector:  # noqa: ARG002
        """Nothing changes."""
        return state

    def finish(self, state: Vector) -> Vector:
        """No weights."""
        return state

    def counted(
        self,
        plan: Plan,  # noqa: ARG002
        release: Release,  # noqa: ARG002
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,  # noqa: ARG002
    ) -> tuple[Vector, Vector]:
        """Decisions, NaN for members about whom there is none (they are in no cell), and outcomes."""
        return inputs[:, 0], labels


DECISIONS = Decisions()
