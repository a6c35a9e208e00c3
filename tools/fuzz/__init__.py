"""What no input may do: `python -m tools.fuzz token --seconds 60` fuzzes a parser, guided by coverage.

A target is a module with `check(data)`, which raises for an input that is handled badly, and `corpus()`,
inputs to begin with. `make soak` runs all of them at length, and sends malformed requests to a server that
listens.
"""
