"""How sending can end other than well."""


class NotSent(Exception):
    """It surely did not go out. `transient`: trying later can help."""

    def __init__(self, reason: str, *, transient: bool) -> None:
        super().__init__(reason)
        self.transient = transient


class PerhapsSent(Exception):
    """The connection broke off after the message was on its way: nobody knows."""
