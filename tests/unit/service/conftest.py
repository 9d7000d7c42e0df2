from service_parts import house

from databases import database, postgres

__all__ = ["database", "house", "postgres"]
