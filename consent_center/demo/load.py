"""The data sets by name, as `accord demo --data NAME` offers them."""

from collections.abc import Callable
from typing import Final

from consent_center.demo import departments, journey, synthetic, telco
from consent_center.demo.errors import UnknownDataError
from consent_center.demo.federation import Federation

_LOADERS: Final[dict[str, Callable[..., Federation]]] = {
    "journey": journey.load,
    "telco": telco.load,
    "departments": departments.load,
    "synthetic": synthetic.load,
}
DATA: Final = tuple(_LOADERS)


def load(name: str, *, sites: int = 4, seed: int = 0) -> Federation:
    """Load a data set and split it into sites.

    Args:
        name: one of `DATA`.
        sites: how many sites, 3 to 12.
        seed: governs which site holds what, nothing else.

    Raises:
        UnknownDataError: no data set has this name.
        SitesOutOfRangeError: outside 3..12.
        DataPackageMissingError: the package that carries the data is not installed.
    """
    if name not in _LOADERS:
        raise UnknownDataError(name, DATA)
    return _LOADERS[name](sites=sites, seed=seed)
