from service_parts import service

from databases import database, postgres

__all__ = ["database", "postgres", "service"]
