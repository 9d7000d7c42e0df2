from factories import stock
from servers import astronaut_png, running, server

__all__ = ["astronaut_png", "running", "server", "stock"]
