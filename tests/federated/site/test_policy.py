"""Laws: what a site's policy does not list is refused; a key that is unknown, missing or misspelt is an error."""

from dataclasses import replace
from datetime import datetime, time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Pinned
from federated.errors import MalformedError, Refusal, RefusedError
from federated.plan import Attribute, Feature
from federated.shared_noise import with_shared_noise
from federated.site.folder import Limits, Permissions, SiteFolder, create_site, policy_text
from federated.site.policy import check_hours, check_plan, parse_policy, read_policy
from tests.federated.world import START, make_plan

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
ALLOW = Permissions(
    models=["churn-linear"],
    purposes=["churn-model", "fairness-audit"],
    scopes=["purchases", "demographics"],
    columns=["visits", "online", "tier", "label", "age"],
    countries=["HK"],
)
REVIEWERS = [Pinned("ada", "legal", "programme", KEY), Pinned("site:north", "site:north", "programme", KEY)]
TEXT = policy_text(name="north", hub_key=KEY, allow=ALLOW, limits=Limits(10, 5_000), reviewers=REVIEWERS)


def test_a_policy_survives_its_text() -> None:
    policy = parse_policy(TEXT)
    assert (policy.name, policy.minimum_cohort, policy.required) == ("north", 10, ("legal", "site:north"))
    assert policy.hub_key.public_bytes_raw() == KEY.public_bytes_raw()
    assert policy.allowed.columns == frozenset(ALLOW.columns)
    assert policy.pinned["ada"].role == "legal"
    assert (policy.run_budget.epsilon, policy.year_budget.epsilon_pure) == (4.0, 4.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name =", "nome ="),
        ("[limits]", "[limits]\nmaximum_cohort = 5"),
        ("minimum_cohort = 10", ""),
        ("minimum_cohort = 10", "minimum_cohort = 0"),
        ("minimum_cohort = 10", "minimum_cohort = true"),
        ("minimum_cohort = 10", 'minimum_cohort = "10"'),
        ("delta = 1e-05", "delta = 0.5"),
        ("delta = 1e-05", "delta = nan"),
        ("epsilon = 4.0", "epsilon = -1.0"),
        ("epsilon = 4.0", "epsilon = inf"),
        ("epsilon_pure = 2.0", "epsilon_pur = 2.0"),
        ("[allow]", '[allow]\nhours = ["07:00"]'),
        ("[allow]", '[allow]\nhours = ["seven", "eight"]'),
        ("[allow]", "[allow]\nhours = 7"),
        ('countries = ["HK"]', 'countries = "HK"'),
        ('countries = ["HK"]', "countries = [1]"),
        ('required = ["legal", "site:north"]', 'required = ["legal"]'),
        ('reviewer = "ada"', 'reviewer = "site:north"'),
        ('reviewer = "ada"', ""),
        ('key = "03', 'key = "0'),
        ("[allow]", "[allow"),
    ],
)
def test_a_policy_that_is_not_exactly_one_is_malformed(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(MalformedError):
        parse_policy(TEXT.replace(old, new, 1))


def test_a_policy_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="cannot read"):
        read_policy(tmp_path / "site.toml")
    (tmp_path / "site.toml").write_bytes(b"\xff")
    with pytest.raises(MalformedError, match="cannot read"):
        read_policy(tmp_path / "site.toml")


@pytest.mark.parametrize("list_name", ["models", "purposes", "scopes", "columns", "countries"])
def test_an_empty_list_allows_nothing(list_name: str) -> None:
    allow = Permissions(**{**vars(ALLOW), list_name: []})
    text = policy_text(name="north", hub_key=KEY, allow=allow, limits=Limits(10, 5_000), reviewers=REVIEWERS)
    plan = make_plan(("north",), members=100, minimum_cohort=20)
    check_plan(parse_policy(TEXT), plan, at=START)
    with pytest.raises(RefusedError):
        check_plan(parse_policy(text), plan, at=START)


@pytest.mark.parametrize(
    ("hours", "now", "open_"),
    [
        (("07:00", "22:00"), "07:00", True),
        (("07:00", "22:00"), "21:59:59.999999", True),
        (("07:00", "22:00"), "22:00", False),
        (("07:00", "22:00"), "06:59:59", False),
        (("22:00", "07:00"), "23:00", True),
        (("22:00", "07:00"), "06:59", True),
        (("22:00", "07:00"), "07:00", False),
        (("22:00", "07:00"), "12:00", False),
    ],
)
def test_a_site_works_in_its_hours_only(hours: tuple[str, str], now: str, *, open_: bool) -> None:
    policy = parse_policy(TEXT.replace("[allow]", f"[allow]\nhours = {list(hours)}".replace("'", '"'), 1))
    at = datetime.combine(START.date(), time.fromisoformat(now), START.tzinfo)
    plan = make_plan(("north",), members=100, minimum_cohort=20)
    if open_:
        check_hours(policy, at=at)
        check_plan(policy, plan, at=at)
    else:
        with pytest.raises(RefusedError):
            check_hours(policy, at=at)
        with pytest.raises(RefusedError, match="this site works from"):  # before anything is charged
            check_plan(policy, plan, at=at)


def test_a_new_site_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    made: SiteFolder = create_site(
        tmp_path / "north",
        name='no"r\\th\n',
        organisation="programme",
        hub_key=KEY,
        allow=ALLOW,
        limits=Limits(10, 5_000),
        reviewers=REVIEWERS[:1],
    )
    policy = read_policy(made.policy)
    assert policy.name == 'no"r\\th\n'
    own = policy.pinned['site:no"r\\th\n']
    assert own.key.public_bytes_raw() == made.approval_key().public_key().public_bytes_raw()
    assert made.path.stat().st_mode & 0o077 == 0
    assert made.database.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        create_site(
            made.path,
            name="north",
            organisation="programme",
            hub_key=KEY,
            allow=ALLOW,
            limits=Limits(10, 5_000),
            reviewers=[],
        )


@pytest.mark.parametrize(
    "unlisted",
    [
        {"sites": ("south",)},
        {"label": "secret"},
        {"attributes": (Attribute("religion", ("a", "b")),)},
        {"features": (Feature("diagnosis", "binary"),)},
        {"country": "SG"},
    ],
)
def test_every_name_in_a_plan_must_be_on_the_sites_own_list(unlisted: dict[str, object]) -> None:
    plan = make_plan(("north",), members=5000)
    check_plan(parse_policy(TEXT), plan, at=START)
    with pytest.raises(RefusedError) as refused:
        check_plan(parse_policy(TEXT), replace(plan, **unlisted), at=START)  # type: ignore[arg-type]
    assert refused.value.code is Refusal.POLICY


def test_a_site_sums_only_with_sites_whose_keys_it_pinned() -> None:
    peers = dict.fromkeys(("south", "west"), KEY)
    policy = replace(parse_policy(TEXT), peers=peers)
    plan = with_shared_noise(make_plan(("north", *peers), members=5000))
    check_plan(policy, plan, at=START)
    with pytest.raises(RefusedError) as refused:
        check_plan(replace(policy, peers={"south": KEY}), plan, at=START)
    assert refused.value.code is Refusal.POLICY
