"""Benchmarks of quality and speed. See README.md; run with `python -m benchmarks`."""
