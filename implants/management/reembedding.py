"""What `reembed` and `activate_encoder` share: a run with a progress bar."""

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from implants.catalogue import catalogue_changed
from implants.models import Encoder
from implants.reembedding import Reembedding


def reembed_all(command: BaseCommand, encoder: Encoder) -> int:
    """Make all vectors of `encoder`, tell what failed and why, and give back how many did.

    Raises `EncoderUnavailable`, and `CommandError` for an interruption.
    """
    run = Reembedding(encoder)
    total = len(run.lacking())
    try:
        with tqdm(total=total, unit="film", mininterval=1, disable=not total) as bar:
            for count in run.run():
                bar.total = max(bar.total or 0, bar.n + count)
                bar.update(count)
    except KeyboardInterrupt as error:
        message = "Interrupted. Run the same command again to go on."
        raise CommandError(message, returncode=130) from error
    catalogue_changed()  # calibrated before it answers
    for reference, reason in run.failures:
        command.stderr.write(f"{reference.source_key}: {reason}")
    return len(run.failures)
