"""What the catalogue's commands share."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Examples keep their lines."""


class ExampleCommand(BaseCommand):
    """A command whose `--help` ends with `examples`."""

    examples = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser, with the examples below."""
        kwargs |= {"epilog": self.examples, "formatter_class": _Formatter}
        return super().create_parser(prog_name, subcommand, **kwargs)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lines of columns: the first to the left, the others (numbers) to the right."""
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    )
