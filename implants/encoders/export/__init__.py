"""Making encoder bundles. Needs requirements/ml; serving imports nothing of this package."""


class ExportError(Exception):
    """No bundle was written; the message says why and names the fix."""
