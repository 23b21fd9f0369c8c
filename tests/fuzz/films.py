"""A file on its way into the catalogue, and what must hold for each of them."""

from implants.radiograph import RadiographError, clean_copy, open_radiograph, reopen_copy
from tests.fuzz.samples import NAMES, sample


def take(data: bytes) -> str:
    """The outcome in a word: the format, or the typed refusal. Anything else gets out."""
    try:
        radiograph = open_radiograph(data)
    except RadiographError as error:
        return error.code
    assert reopen_copy(clean_copy(radiograph)).image.tobytes() == radiograph.image.tobytes()
    return radiograph.format


def seeds() -> list[bytes]:
    return [sample(name) for name in NAMES]
