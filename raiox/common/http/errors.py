"""Why a guarded request ended without an answer.

Messages name at most a host that passed the URL check: a URL may carry a signature or a key in its
path or query, and messages end up in logs, in rows and on screens.
"""


class FetchError(Exception):
    """Base of the tree. `reason` is what a refused image is stored with; `transient` says whether
    asking again later can help."""

    reason = "download_failed"
    transient = False


class HostNotAllowed(FetchError):
    """The URL, or a redirect, leads somewhere we don't go. No request was sent there."""

    reason = "host_not_allowed"


class TooLarge(FetchError):
    """The body is larger than the cap, or announces that it will be."""

    reason = "too_large"


class DownloadFailed(FetchError):
    """The server couldn't be reached, broke off, was too slow or answered something useless.

    `status` is the HTTP status where there was one.
    """

    reason = "download_failed"

    def __init__(self, message: str, *, transient: bool, status: int | None = None) -> None:
        super().__init__(message)
        self.transient = transient
        self.status = status
