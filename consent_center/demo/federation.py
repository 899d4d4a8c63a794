"""A federation before anybody enrolled: who holds which rows, and what may be said about them in public.

A loader (`journey`, `telco`, `synthetic`) returns one `Federation`; enrolment gives every customer of every site a
pseudonym; `write_site` then puts one site's rows into that site's own DuckDB file. The column `person` tells the demo's
enrolment which customers of two sites are the same human being. It exists in memory only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import pyarrow as pa

from consent_center.demo.errors import (
    DataPackageMissingError,
    PseudonymsMismatchError,
    SiteNotWrittenError,
    SitesOutOfRangeError,
)
from federated.plan import Attribute, Feature

FEWEST_SITES = 3
MOST_SITES = 12
SITE_FILE = "data.duckdb"
LABEL_COLUMN = "label"


@dataclass(frozen=True, slots=True)
class SiteRows:
    """What one site holds before enrolment.

    Attributes:
        site: the site's name, unique in the federation.
        partner: True for a partner brand, False for a department.
        rows: one row per customer: `customer` (the site's own number for her), the features, `label` (0 or 1), the
            attributes, `person` (the true person: for the demo's enrolment only, never written to a file).
        items: what they bought, one row per purchase: `customer`, `period`, and a column for each of the federation's
            `items`; None where nothing is known.
        features: the site's own columns where it holds others than the rest; None: those of the federation.
    """

    site: str
    partner: bool
    rows: pa.Table = field(repr=False)
    items: pa.Table | None = field(default=None, repr=False)
    features: tuple[Feature, ...] | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known about generated data, and never about real data.

    Attributes:
        intercept: log-odds of the label for a row whose design columns are all zero.
        coefficients: log-odds per unit of a design column: a continuous feature scaled to [-.5, .5], a binary one to
            ±.5, a categorical one as `name=category` against centred one-hot columns.
        auc_ceiling: the area under the ROC curve of the true risk, which no model can expect to beat.
    """

    intercept: float
    coefficients: Mapping[str, float]
    auc_ceiling: float


@dataclass(frozen=True, slots=True)
class Federation:
    """The sites of a loyalty programme, their rows, and the public constants of its churn study.

    Attributes:
        name: journey, telco, departments or synthetic.
        source: where the data come from, in one sentence fit for a report.
        label: what label 1 means, in plain words.
        horizon_days: how far ahead the label looks, in days.
        delta: the δ of the privacy claim; at most 1/(10·members) and 1e-5.
        features: the raw columns and their public ranges, in the order of the site's table.
        attributes: what the fairness check compares groups by, groups in the order in which they are shown; null where
            a member did not give it.
        sites: in a fixed order; the last one is the partner brand.
        truth: for generated data, what a model should find.
        items: the catalogues of what members buy, if that is known.
        helped_by: sites whose columns help the first one, which alone holds the label; empty where all hold the same.
    """

    name: str
    source: str
    label: str
    horizon_days: int
    delta: float
    features: tuple[Feature, ...]
    attributes: tuple[Attribute, ...]
    sites: tuple[SiteRows, ...]
    truth: Truth | None = None
    items: tuple[Feature, ...] = ()
    helped_by: tuple[str, ...] = ()

    def features_at(self, site: str) -> tuple[Feature, ...]:
        """The columns that a site holds."""
        own = self.site(site).features
        return self.features if own is None else own

    @property
    def asked_at(self) -> tuple[str, ...]:
        """The sites whose members are asked for trainings and audits of that site's own."""
        names = tuple(site.site for site in self.sites)
        return names[:1] if self.helped_by else names

    @property
    def members(self) -> int:
        """Count the people in the federation, each once however many sites hold rows of hers."""
        return len({person for site in self.sites for person in site.rows["person"].to_pylist()})

    def site(self, name: str) -> SiteRows:
        """Find a site by its name.

        Raises:
            KeyError: no site has this name.
        """
        for site in self.sites:
            if site.site == name:
                return site
        raise KeyError(name)


def check_sites(sites: int) -> None:
    """Refuse a number of sites the demo cannot make.

    Raises:
        SitesOutOfRangeError: outside 3..12.
    """
    if not FEWEST_SITES <= sites <= MOST_SITES:
        raise SitesOutOfRangeError(sites, FEWEST_SITES, MOST_SITES)


def data_package(module: str, *, package: str, needed_for: str) -> ModuleType:
    """Import a package that only the demo needs, or say which one to install.

    Raises:
        DataPackageMissingError: it, or something it needs, is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise DataPackageMissingError(package, needed_for=needed_for) from missing


def split_into_sites(
    table: pa.Table,
    site_of_row: np.ndarray,
    *,
    department: str,
    sites: int,
    features: Sequence[Feature],
    attributes: Sequence[Attribute],
    rng: np.random.Generator,
) -> tuple[SiteRows, ...]:
    """Hand every row to its site, which numbers its customers in an order of its own.

    Args:
        table: all rows: `person`, the features, `label` and the attributes, in any column order.
        site_of_row: shape (rows,), integers in 0..sites-1.
        department: prefix of the departments' names; the last site is called partner.
        sites: how many sites there are.
        features: the schema of the study.
        attributes: what is audited.
        rng: seeded; governs customer numbers only.
    """
    schema = _schema(features, attributes)
    ordered = table.select([field.name for field in schema]).cast(schema)
    handed_over = []
    for index in range(sites):
        mine = np.flatnonzero(site_of_row == index)
        rows = ordered.take(pa.array(rng.permutation(mine)))
        numbers = pa.array([f"{number:07d}" for number in range(1, len(mine) + 1)], pa.string())
        partner = index == sites - 1
        name = f"partner-{sites}" if partner else f"{department}-{index + 1}"
        handed_over.append(SiteRows(name, partner, rows.add_column(0, "customer", numbers)))
    return tuple(handed_over)


def write_site(folder: Path, federation: Federation, site: str, pseudonyms: Mapping[str, str]) -> Path:
    """Write one site's rows, under its own pseudonyms, to the site's own database.

    The file holds the table `members(pseudonym TEXT PRIMARY KEY, <features>, label, <attributes>)`, ordered by
    pseudonym, so that its order says nothing, and, where purchases are known, `items(pseudonym, period, <items>)`.
    Customer numbers and persons stay out. An older file is replaced in one step; a failure leaves it as it was.

    Args:
        folder: the site's own folder; made if missing.
        federation: where the rows come from.
        site: the site's name.
        pseudonyms: customer number -> pseudonym, for every customer of the site; others are ignored.

    Returns:
        The path of the file, `folder/data.duckdb`.

    Raises:
        PseudonymsMismatchError: a customer has no pseudonym, or two share one.
        SiteNotWrittenError: the disk or the permissions did not let us.
    """
    rows = federation.site(site).rows
    given = [pseudonyms.get(customer) for customer in rows["customer"].to_pylist()]
    missing = given.count(None)
    repeated = len(given) - missing - len(set(given) - {None})
    if missing or repeated:
        raise PseudonymsMismatchError(site, missing=missing, repeated=repeated)
    kept = rows.drop_columns(["customer", "person"]).add_column(0, "pseudonym", pa.array(given, pa.string()))
    target = folder / SITE_FILE
    draft = folder / f".{SITE_FILE}.draft"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove(draft)
        _write_table(draft, kept)
        if (bought := federation.site(site).items) is not None:
            names = pa.array([pseudonyms[customer] for customer in bought["customer"].to_pylist()], pa.string())
            _write_items(draft, bought.drop_columns(["customer"]).add_column(0, "pseudonym", names))
        draft.replace(target)
    except (duckdb.Error, OSError) as failure:
        raise SiteNotWrittenError(site, target, str(failure).partition("\n")[0]) from failure
    finally:
        # Also after Ctrl-C. What cannot be removed now is removed by the next write.
        with suppress(OSError):
            _remove(draft)
    return target


def _write_table(path: Path, rows: pa.Table) -> None:
    columns = ", ".join(
        f'"{field.name}" {_SQL_TYPES[field.type]}' for field in rows.schema if field.name != "pseudonym"
    )
    with duckdb.connect(str(path)) as database:
        path.chmod(0o600)
        database.execute(f"CREATE TABLE members (pseudonym TEXT PRIMARY KEY, {columns})")
        database.register("rows", rows)
        database.execute("INSERT INTO members SELECT * FROM rows ORDER BY pseudonym")


def _write_items(path: Path, bought: pa.Table) -> None:
    with duckdb.connect(str(path)) as database:
        database.register("bought", bought)
        database.execute("CREATE TABLE items AS SELECT * FROM bought ORDER BY pseudonym, period")


def _remove(draft: Path) -> None:
    for left_over in (draft, draft.with_name(draft.name + ".wal")):
        left_over.unlink(missing_ok=True)


def _schema(features: Sequence[Feature], attributes: Sequence[Attribute]) -> pa.Schema:
    return pa.schema(
        [(feature.name, _ARROW_TYPES[feature.kind]) for feature in features]
        + [(LABEL_COLUMN, pa.int8())]
        + [(attribute.name, pa.string()) for attribute in attributes]
        + [("person", pa.string())]
    )


_ARROW_TYPES = {"continuous": pa.float64(), "binned": pa.float64(), "binary": pa.int8(), "categorical": pa.string()}
_SQL_TYPES = {pa.float64(): "DOUBLE", pa.int8(): "TINYINT", pa.string(): "TEXT"}
