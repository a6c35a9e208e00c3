"""Coverage-guided fuzzing of parsers: `python -m tools.fuzz token`.

A target is a module with `check(data)`, which raises for an input that is handled badly, and `corpus()`,
inputs to begin with. `make soak` runs all of them at length, and sends malformed requests to a server that
listens.
"""
