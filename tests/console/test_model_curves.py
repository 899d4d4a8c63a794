"""Law: a model's curve is drawn on one scale for all features, and shaded exactly where it rests on too few members."""

import re
from zoneinfo import ZoneInfo

from consent_center.console.model_curves import curves_of
from consent_center.web.formats import Formats
from consent_center.web.languages import Language
from federated.models.shapes import Stretch

FORMATS = Formats(language=Language.EN, zone=ZoneInfo("Asia/Taipei"))
SOME = (
    Stretch("visits", 0.0, 10.0, -0.5, supported=True),
    Stretch("visits", 10.0, 20.0, 0.25, supported=False),
    Stretch("spend", 0.0, 100.0, 1.0, supported=None),
)


def test_stretches_without_support_are_shaded_and_said() -> None:
    visits, spend = curves_of(SOME, FORMATS)
    assert re.findall(r'<rect class="band" x="([\d.]+)%" width="([\d.]+)%"', visits.picture) == [("50.0", "50.0")]
    assert [one.held for one in visits.rungs] == ["yes", "no"]
    assert (visits.bare, spend.bare) == (1, None)
    assert [one.held for one in spend.rungs] == ["unknown"]
    assert "band" not in spend.picture


def test_all_features_share_one_scale() -> None:
    visits, spend = curves_of(SOME, FORMATS)
    assert 'points="25.0,71.0 75.0,39.5"' in visits.picture
    assert 'points="50.0,8.0"' in spend.picture
    assert (visits.least, visits.most) == ("−.50", "+.25")


def test_a_model_that_adds_nothing_divides_by_nothing() -> None:
    (flat,) = curves_of((Stretch("visits", 0.0, 1.0, 0.0, supported=True),), FORMATS)
    assert 'points="50.0,50.0"' in flat.picture
    assert curves_of((), FORMATS) == []
