import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `benchmarks`, which holds the requests

from factories import stock
from inprocess import inside
from servers import running, server

__all__ = ["inside", "running", "server", "stock"]
