import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `benchmarks`, which holds the requests

from factories import stock
from in_process_server import in_process
from servers import running, server

__all__ = ["in_process", "running", "server", "stock"]
