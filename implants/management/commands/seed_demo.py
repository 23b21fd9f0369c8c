"""`manage.py seed_demo`: a catalogue for the first look, made by computation."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from implants.embedding import embed
from implants.encoders.active import ActiveEncoder, active
from implants.encoders.bundle import EncoderUnavailable
from implants.management.base import ExampleCommand
from implants.seeding.demo import add_demo_film, batches_without_vector, missing_films


class Command(ExampleCommand):
    """Renders what is missing, and does nothing else."""

    help = "Add the demo catalogue (rendered radiographs), in local and test mode only."
    examples = """example:
  manage.py seed_demo

After an interruption, run the same command again: it goes on where it was.
"""

    def handle(self, *_: Any, **__: Any) -> None:
        """Add films and vectors; raises `CommandError` outside local and test mode."""
        if not settings.IS_DEVELOPMENT:
            raise CommandError("Demo data is for local and test mode only, not for a real service.")
        try:
            encoder = active()
            films = missing_films()
            for film in tqdm(films, "rendering", unit="film", mininterval=1, disable=not films):
                add_demo_film(film)
            failed = _embed(encoder)
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Demo catalogue: {len(films)} films added.")
        if failed:
            raise CommandError(f"{failed} films have no vector: see check_catalogue.")


def _embed(encoder: ActiveEncoder) -> int:
    batches = batches_without_vector(encoder.encoder_id)
    bar = tqdm(batches, "encoding", unit="batch", disable=not batches)
    return sum(len(embed(batch, encoder)) for batch in bar)
