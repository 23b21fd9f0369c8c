"""A stand-in for Jotform: a program of its own that knows nothing of the product."""
