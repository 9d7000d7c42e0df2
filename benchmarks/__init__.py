"""How good and how fast lipsmith is, in pictures and in numbers. See README.md; run with `python -m benchmarks`."""
