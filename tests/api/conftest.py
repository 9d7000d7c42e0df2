from databases import postgres
from factories import stock
from in_process_server import in_process
from servers import astronaut_png, running, server

__all__ = ["astronaut_png", "in_process", "postgres", "running", "server", "stock"]
