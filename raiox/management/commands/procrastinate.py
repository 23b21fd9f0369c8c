"""`manage.py procrastinate`: the library's own, with a worker that writes nothing but its log."""

import logging
from typing import Any

from procrastinate import App, cli
from procrastinate.contrib.django.management.commands import procrastinate

logger = logging.getLogger("raiox.worker")


class Command(procrastinate.Command):
    """As the library's."""

    def handle(self, *args: Any, **kwargs: Any) -> None:
        """Run the subcommand; `worker` by us."""
        if kwargs.get("func") is cli.worker_:
            kwargs["func"] = work
        super().handle(*args, **kwargs)


async def work(app: App, **options: Any) -> None:
    """Take jobs. The library's `worker` says so in plain words, amid the lines of a JSON log."""
    logger.info("worker begun", extra={"queues": options.get("queues") or "all"})
    await app.run_worker_async(**options)
