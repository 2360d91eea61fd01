"""The simulated API as an OpenAPI 3.1 document, made from the catalogue and nothing else."""

from fakescope.openapi.document import VIEWS, document

__all__ = ["VIEWS", "document"]
