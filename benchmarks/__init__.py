"""How fast fileflow is, beside a plain loop and its peers: `python -m benchmarks`."""
