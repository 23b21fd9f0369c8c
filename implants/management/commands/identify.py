"""`manage.py identify`: what a film looks like, on the command line."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.encoders.active import ActiveEncoder, active
from implants.encoders.bundle import EncoderUnavailable
from implants.encoders.session import EncodingError
from implants.management.base import ExampleCommand, table
from implants.manufacturers import UnknownManufacturer, manufacturer_named
from implants.models import Implant
from implants.radiograph import MAX_BYTES, RadiographError, open_radiograph
from implants.search import search


class Command(ExampleCommand):
    """Searches the catalogue for each file; stores nothing."""

    help = "Print the three implants of the catalogue that each radiograph looks most like."
    examples = """examples:
  manage.py identify film.jpg
  manage.py identify films/*.png --json
  manage.py identify film.jpg --manufacturer Neodent
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The files, and whose implants are in question."""
        parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="a radiograph")
        parser.add_argument("--json", action="store_true", help="a JSON list, one item an image")
        parser.add_argument(
            "--manufacturer",
            metavar="NAME",
            default="",
            help="only implants of this manufacturer (upper or lower case)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the answers; raises `CommandError` if a file could not be taken."""
        name = options["manufacturer"]
        try:
            manufacturer_id = manufacturer_named(name).pk if name else None
            encoder = active()
            answers = [_identify(path, encoder, manufacturer_id) for path in options["images"]]
        except (EncoderUnavailable, UnknownManufacturer) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(answers, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(f"Encoder: {encoder.name}\n" + _table(answers))
        if failed := sum("error" in answer for answer in answers):
            raise CommandError(f"{failed} of {len(answers)} could not be identified.")


def _identify(path: Path, encoder: ActiveEncoder, manufacturer_id: int | None) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            image = open_radiograph(file.read(MAX_BYTES + 1)).image
        vector = encoder.session.encode(image)
    except (OSError, RadiographError) as error:
        return {"image": str(path), "error": str(error)}
    except EncodingError:
        return {"image": str(path), "error": "The encoder finds nothing to compare on it."}
    results = _results(
        search(vector, encoder_id=encoder.encoder_id, manufacturer_id=manufacturer_id)
    )
    if not results:
        return {"image": str(path), "error": "The catalogue has no reference to compare it with."}
    return {"image": str(path), "encoder": encoder.name, "results": results}


def _results(candidates: list[Any]) -> list[dict[str, Any]]:
    ids = [candidate.implant_id for candidate in candidates]
    implants = Implant.objects.select_related("manufacturer").in_bulk(ids)
    return [
        {
            "rank": rank,
            "implant_id": candidate.implant_id,
            "manufacturer": implants[candidate.implant_id].manufacturer.name,
            "name": implants[candidate.implant_id].name,
            "is_demo": implants[candidate.implant_id].is_demo,
            "reference_id": candidate.reference_id,
            "similarity": round(candidate.similarity, 4),
        }
        for rank, candidate in enumerate(candidates, start=1)
    ]


def _table(answers: list[dict[str, Any]]) -> str:
    rows = []
    for answer in answers:
        if "error" in answer:
            rows.append([answer["image"], "", answer["error"]])
        for result in answer.get("results", []):
            demo = " (demo)" if result["is_demo"] else ""
            implant = f"{result['manufacturer']} {result['name']}{demo}"
            rows.append([answer["image"], f"{result['similarity']:.3f}", implant])
    return table(["image", "similarity", "implant"], rows)
