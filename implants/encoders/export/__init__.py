"""Making encoder bundles. Needs requirements/ml; serving imports nothing of this package."""
