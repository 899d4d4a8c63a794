"""Preference under member-level DP on The Complete Journey, beside five peers without privacy, in one run.

    train     weeks 1 to 44, test weeks 45 to 52; NDCG@10, mean over the households that bought something relevant
    again     any item may be recommended, anything bought next is relevant
    new       only items she has never bought may be recommended, only those are relevant
    ε         of the whole model (both tasks, all four sums); delta 1e-5; mean of 5 draws of the product's own noise
    local     4 sites that each add the full noise
    secure    5 sites, k = 1 colluder: each adds a share of variance std²/4, so the sum carries 1.25 std²

Beside them the general alternative, a two-tower network through the same engine (`_two_tower`).

Everything but the noise is the product's own: plan, contribution, update, finish, lists. Constants of the model were
tuned on weeks 37-44 of the same households, uncharged.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse

from audit.fairness.diversity import catalogue_coverage, exposure, gini, steck_calibration
from benchmarks._preference_data import HORIZON, UNTIL, PreferenceData, preference_data
from benchmarks._two_tower import two_tower
from federated.models import ranking
from federated.models.descent import noise_of
from federated.models.histories import Histories
from federated.models.preference import PREFERENCE, unseen
from federated.models.preference_plan import preference_plan
from federated.models.ranking import LENGTH, Learned
from federated.plan import Plan, Use
from federated.shared_noise import with_shared_noise
from privacy.noise import SecureNoise, add_gaussian

DRAWS, TOWER_DRAWS = 5, 1
CHUNK = 1024
TRADE = 0.2
NOISE = SecureNoise()
MODES = {"secure_sum_eps4": (4.0, True), "local_eps4": (4.0, False), "secure_sum_eps1": (1.0, True)}
AIMS = {
    "secure_sum_eps4": (0.473, 0.074, 0.735, 0.232),
    "local_eps4": (0.473, 0.072, 0.735, 0.227),
    "secure_sum_eps1": (0.471, 0.068, 0.734, 0.220),
}
LISTS = (("again", "products"), ("new", "products"), ("again", "categories"), ("new", "categories"))
GOALS = {
    f"{mode}_{kind}_{task}": (">=", aim)
    for mode, aims in AIMS.items()
    for (kind, task), aim in zip(LISTS, aims, strict=True)
} | {"fit_s": ("<=", 10.0)}


def plan_for(data: PreferenceData, *, epsilon: float, secure_sum: bool, members: int) -> Plan:
    """The plan that a study would file."""
    plan = preference_plan(
        study="benchmark",
        country="TW",
        sites=tuple(f"site-{index}" for index in range(5 if secure_sum else 4)),
        uses=(Use(("train", "evaluate", "audit"), "preference-model", ("purchases",)),),
        tasks=data.features,
        until=UNTIL,
        horizon=HORIZON,
        horizon_days=HORIZON * 7,
        attributes=(),
        members=round(members / 0.8),
        epsilon=epsilon,
        secure_sum=secure_sum,
    )
    return with_shared_noise(plan) if secure_sum else plan


def fit(plan: Plan, histories: Histories, *, secure_sum: bool, rng: np.random.Generator) -> dict[str, Learned]:
    """Both rounds at every site, then the closed form."""
    sites = len(plan.sites)
    site_of = rng.integers(sites, size=len(histories))
    parts = [histories[np.flatnonzero(site_of == site)] for site in range(sites)]
    state = PREFERENCE.start(plan, members=len(histories))
    for releases in PREFERENCE.rounds(plan):
        weights, totals = PREFERENCE.weights(state), {}
        for release in releases:
            # A share of integer noise, drawn here as the continuous noise of the same width.
            std = noise_of(release).std / (np.sqrt(plan.quorum.honest) if secure_sum else 1.0)
            sums = [
                PREFERENCE.contribution(plan, release, inputs=part, labels=np.zeros(len(part)), weights=weights)
                for part in parts
            ]
            totals[release.name] = np.sum([add_gaussian(one, std=std, noise=NOISE) for one in sums], axis=0)
        state = PREFERENCE.update(state, totals)
    return PREFERENCE.learned(plan, PREFERENCE.finish(state))


Ranker = Callable[[slice], np.ndarray]


def ndcg_of(rank: Ranker, data: PreferenceData, kind: str, task: str) -> float:
    """Mean NDCG@10 of lists made chunk by chunk from scores over the whole catalogue."""
    found = []
    held, ahead = data.histories.held[task], data.histories.ahead[task]
    for start in range(0, held.shape[0], CHUNK):
        rows = slice(start, min(start + CHUNK, held.shape[0]))
        values = rank(rows)
        if kind == "new":
            values = np.where(held[rows].toarray() > 0, -np.inf, values)
        relevant = unseen(held[rows], ahead[rows]) if kind == "new" else ahead[rows]
        found.append(ranking.ndcg(ranking.top(values, LENGTH), relevant))
    return float(np.nanmean(np.concatenate(found)))


def ours(learned: Learned, data: PreferenceData, kind: str, task: str) -> Ranker:
    """Scores of our lists."""
    held, again = data.histories.held[task], data.histories.again[task]
    if kind == "new":
        return lambda rows: ranking.scores(learned, held[rows], again[rows])[0]
    return lambda rows: ranking.wanted_again(learned, held[rows], again[rows])


def peers(data: PreferenceData, task: str) -> dict[str, Ranker]:
    """Popularity, personal frequency, BM25-kNN, ALS and EASE on the same training weeks, without privacy."""
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender

    held, counts = data.histories.held[task], data.counts[task]
    popular = np.asarray(held.sum(axis=0)).ravel()
    old = sparse.csr_matrix(counts)
    knn = BM25Recommender(K=200, K1=1.2, B=0.75, num_threads=1)
    knn.fit(old, show_progress=False)
    near = knn.similarity.tocsr()
    als = AlternatingLeastSquares(
        factors=32, regularization=0.05, alpha=2.0, iterations=12, num_threads=1, random_state=0
    )
    als.fit(sparse.csr_matrix(held), show_progress=False)
    gram = (held.T @ held).toarray() + 300.0 * np.eye(held.shape[1])
    inverse = np.linalg.inv(gram)
    ease = -inverse / np.diag(inverse)
    np.fill_diagonal(ease, 0.0)
    return {
        "popularity": lambda rows: np.broadcast_to(popular, (rows.stop - rows.start, len(popular))),
        "personal_frequency": lambda rows: counts[rows].toarray() + 1e-6 * popular,
        "bm25_knn": lambda rows: np.asarray((old[rows] @ near).todense()) + 1e-9 * popular,
        "als32": lambda rows: als.user_factors[rows] @ als.item_factors.T,
        "ease": lambda rows: held[rows] @ ease,
    }


def described(learned: Learned, data: PreferenceData, task: str) -> dict[str, float]:
    """Recall, coverage, Gini and calibration of "new to me", before and after Steck re-ranking."""
    held, ahead, again = (one[task] for one in (data.histories.held, data.histories.ahead, data.histories.again))
    plain, mixed = [], []
    tastes = ranking.tastes_of(held, learned.departments)
    for start in range(0, held.shape[0], CHUNK):
        rows = slice(start, start + CHUNK)
        values = ranking.scores(learned, held[rows], again[rows])[0]
        plain.append(ranking.top(values, LENGTH))
        mixed.append(ranking.recalibrated(values, tastes[rows], learned.departments, length=LENGTH, trade=TRADE))
    figures, relevant = {}, unseen(held, ahead)
    for name, lists in (("plain", np.vstack(plain)), ("steck", np.vstack(mixed))):
        shown = np.eye(tastes.shape[1])[learned.departments[lists]].sum(axis=1)
        full = (lists >= 0).all(axis=1)
        figures |= {
            f"{name}_ndcg": float(np.nanmean(ranking.ndcg(lists, relevant))),
            f"{name}_recall": float(np.nanmean(ranking.recall(lists, relevant))),
            f"{name}_coverage": catalogue_coverage(lists[full], held.shape[1]),
            f"{name}_gini": gini(exposure(lists[full], held.shape[1])),
            f"{name}_calibration_kl": float(np.nanmean(steck_calibration(tastes[full], shown[full]))),
        }
    return figures


def towers(data: PreferenceData, sizes: dict[str, int]) -> dict[str, float]:
    """The two-tower network, without privacy and with ε = 4 for each task: twice what ours has for both together."""
    figures: dict[str, float] = {}
    for name, epsilon in (("two_tower_no_privacy", None), ("two_tower_one_place_eps4", 4.0)):
        for task in sizes:
            drawn_here = [two_tower(data, task, epsilon=epsilon, seed=seed) for seed in range(TOWER_DRAWS)]
            for kind in ("again", "new"):
                values = [ndcg_of(rank, data, kind, task) for rank in drawn_here]
                figures[f"{name}_{kind}_{task}"] = float(np.mean(values))
            print(
                f"  {name:24s} {task:10s} again {figures[f'{name}_again_{task}']:.4f}"
                f" new {figures[f'{name}_new_{task}']:.4f}",
                flush=True,
            )
    return figures


def run() -> dict[str, object]:
    """Print each row of the table as it is done."""
    torch.set_num_threads(1)
    print("loading", flush=True)
    data = preference_data()
    members = int((np.diff(data.histories.held["categories"].indptr) > 0).sum())
    sizes = {one.name: len(one.categories) for one in data.features}
    print(f"{members} households with a history; catalogue {sizes}", flush=True)
    figures: dict[str, float] = {}
    for task in sizes:
        for name, rank in peers(data, task).items():
            for kind in ("again", "new"):
                figures[f"{name}_{kind}_{task}"] = ndcg_of(rank, data, kind, task)
            print(
                f"  {name:20s} {task:10s} again {figures[f'{name}_again_{task}']:.4f}"
                f" new {figures[f'{name}_new_{task}']:.4f}  (no privacy)",
                flush=True,
            )
    rng, slowest = np.random.default_rng(0), 0.0
    for mode, (epsilon, secure_sum) in MODES.items():
        plan = plan_for(data, epsilon=epsilon, secure_sum=secure_sum, members=members)
        drawn: dict[str, list[float]] = {}
        learned: dict[str, Learned] = {}
        for _ in range(DRAWS):
            began = time.perf_counter()
            learned = fit(plan, data.histories, secure_sum=secure_sum, rng=rng)
            slowest = max(slowest, time.perf_counter() - began)
            for kind, task in LISTS:
                value = ndcg_of(ours(learned[task], data, kind, task), data, kind, task)
                drawn.setdefault(f"{mode}_{kind}_{task}", []).append(value)
        figures |= {name: float(np.mean(values)) for name, values in drawn.items()}
        print(
            f"  {mode:16s} "
            + ", ".join(f"{kind} {task} {figures[f'{mode}_{kind}_{task}']:.4f}" for kind, task in LISTS),
            flush=True,
        )
        if mode == "secure_sum_eps4":
            for task in sizes:
                found = described(learned[task], data, task)
                figures |= {f"new_{task}_{name}": value for name, value in found.items()}
                print(
                    f"    new {task}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()), flush=True
                )
    figures |= towers(data, sizes)
    figures["fit_s"] = slowest
    return {"figures": figures, "goals": GOALS}
