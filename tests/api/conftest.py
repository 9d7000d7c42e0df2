from databases import postgres
from factories import stock
from inprocess import inside
from servers import astronaut_png, running, server

__all__ = ["astronaut_png", "inside", "postgres", "running", "server", "stock"]
