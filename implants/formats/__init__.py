"""Readers of films: what Pillow knows (`pictures`), and HEIC, DICOM and PDF.

Each of them is a large parser of strangers' bytes, so the process that serves reads only what is
`plain` of a JPEG or PNG. For all else `apart` starts one of its own with little memory, little time
and no secrets, which reads the file, writes the pixels and ends. What else a file says, a patient's
name in a DICOM for one, never leaves that process. Nothing here knows Django: the other process
would pay for it.
"""

from typing import Final

MAX_PIXELS: Final = 40_000_000


class Unreadable(Exception):
    """No film can be had from these bytes; `code` is one of `RadiographError`'s."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Busy(OSError):
    """The machine, not the file, is to blame: it may be read another time."""

    def __init__(self) -> None:
        super().__init__("Too many files of this kind are being read: try again later.")


def check_pixels(width: int, height: int) -> None:
    """Refuses what is too large; to be asked before anything is decoded."""
    if width * height > MAX_PIXELS:
        raise Unreadable("too_large")
