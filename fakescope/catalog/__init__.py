"""The vendor as data: models, limits, texts, prices, each with its source and basis."""

from fakescope.catalog.loader import Catalog, load

__all__ = ["Catalog", "load"]
