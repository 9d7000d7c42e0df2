from databases import database, postgres
from houses import house

__all__ = ["database", "house", "postgres"]
