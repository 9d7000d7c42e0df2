from databases import postgres
from factories import stock
from servers import astronaut_png, running, server

__all__ = ["astronaut_png", "postgres", "running", "server", "stock"]
