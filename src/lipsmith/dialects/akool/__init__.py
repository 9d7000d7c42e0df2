"""API of AKOOL."""

from lipsmith.dialects.akool.dialect import Akool as DIALECT

__all__ = ["DIALECT"]
