"""Background jobs of the catalogue."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from implants import embedding
from implants.encoders.bundle import EncoderUnavailable
from raiox.common import correlation

_MAY_PASS: Final = (
    EncoderUnavailable,
    OperationalError,
    InterfaceError,
    OSError,
    BotoCoreError,
    ClientError,
)


# Growing waits, about three hours in all; activating an encoder asks again for what is missing.
@app.task(
    name="implants.embed_reference",
    retry=RetryStrategy(max_attempts=8, exponential_wait=3, retry_exceptions=_MAY_PASS),
)
def embed_reference(*, reference_id: int, correlation_id: str = "") -> None:
    """Make the active encoder's vector of one reference."""
    with correlation.correlated(correlation_id):
        embedding.embed_reference(reference_id)
