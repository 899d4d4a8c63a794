"""Every table of the consent centre, gathered."""

import importlib
import pkgutil

import consent_center.storage


def load() -> None:
    """Import every storage module, so that its tables are known to the metadata."""
    for module in pkgutil.iter_modules(consent_center.storage.__path__):
        if not module.ispkg:
            importlib.import_module(f"consent_center.storage.{module.name}")
