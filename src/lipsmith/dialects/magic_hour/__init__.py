"""API of Magic Hour."""

from lipsmith.dialects.magic_hour.dialect import MagicHour as DIALECT

__all__ = ["DIALECT"]
