"""`manage.py identify`: what a film looks like, on the command line."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from implants.encoders.active import ActiveEncoder, active
from implants.encoders.bundle import EncoderUnavailable
from implants.encoders.session import EncodingError
from implants.identification import identify
from implants.look_alikes import groups_of, not_told_apart
from implants.management.base import ExampleCommand, table
from implants.manufacturers import UnknownManufacturer, manufacturer_named
from implants.models import Implant
from implants.radiograph import MAX_BYTES, RadiographError, open_radiograph
from implants.region import Region
from implants.search import Candidate


class Command(ExampleCommand):
    """Searches the catalogue for each file; stores nothing."""

    help = "Print the three implants of the catalogue that each radiograph looks most like."
    examples = """examples:
  manage.py identify film.jpg
  manage.py identify films/*.png --json
  manage.py identify film.jpg --manufacturer Neodent
  manage.py identify film.jpg --region 0.4,0.3,0.2,0.5
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The files, the part that counts, and whose implants are in question."""
        parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="a radiograph")
        parser.add_argument("--json", action="store_true", help="a JSON list, one item an image")
        parser.add_argument(
            "--region",
            metavar="X,Y,WIDTH,HEIGHT",
            type=_region,
            help="the part of the (only) image that shows the implant, in fractions of the "
            "upright image: left, top, width, height",
        )
        parser.add_argument(
            "--manufacturer",
            metavar="NAME",
            default="",
            help="only implants of this manufacturer (upper or lower case)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the answers; raises `CommandError` if a file could not be taken."""
        name, region = options["manufacturer"], options["region"]
        if region and len(options["images"]) > 1:
            raise CommandError("A region is a part of one film: give one image with --region.")
        try:
            manufacturer_id = manufacturer_named(name).pk if name else None
            encoder = active()
            answers = [
                _identify(path, encoder, region, manufacturer_id) for path in options["images"]
            ]
        except (EncoderUnavailable, UnknownManufacturer) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(answers, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(f"Encoder: {encoder.name}\n" + _table(answers) + _notes(answers))
        if failed := sum("error" in answer for answer in answers):
            raise CommandError(f"{failed} of {len(answers)} could not be identified.")


def _region(text: str) -> Region:
    try:
        return Region.from_list([float(number) for number in text.split(",")])
    except ValueError as error:  # RegionError is one
        raise ArgumentTypeError(f"{text!r} is no region: {error}") from error


def _identify(
    path: Path, encoder: ActiveEncoder, region: Region | None, manufacturer_id: int | None
) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            radiograph = open_radiograph(file.read(MAX_BYTES + 1))
        found = identify(radiograph, encoder, region=region, manufacturer_id=manufacturer_id)
    except (OSError, RadiographError) as error:
        return {"image": str(path), "error": str(error)}
    except EncodingError:
        return {"image": str(path), "error": "The encoder finds nothing to compare on it."}
    if not found.candidates:
        return {"image": str(path), "error": "The catalogue has no reference to compare it with."}
    ids = [candidate.implant_id for candidate in found.candidates]
    by_id = Implant.objects.select_related("manufacturer").in_bulk(ids)
    implants = [by_id[pk] for pk in ids]
    return {
        "image": str(path),
        "region": region.to_list() if region else None,
        "encoder": encoder.name,
        "confidence": found.doubt.confidence,
        "observations": found.doubt.observations,
        "concerns": list(found.doubt.concerns),
        "look_alikes": _look_alikes(implants),
        "results": _results(found.candidates, implants),
    }


def _look_alikes(implants: list[Implant]) -> dict[str, Any] | None:
    found = not_told_apart(implants, groups_of(implants))
    if found is None:
        return None
    return {"group": found.group, "implants": [_implant(implant) for implant in found.implants]}


def _results(candidates: list[Candidate], implants: list[Implant]) -> list[dict[str, Any]]:
    return [
        {
            "rank": rank,
            **_implant(implant),
            "reference_id": candidate.reference_id,
            "similarity": round(candidate.similarity, 4),
        }
        for rank, (candidate, implant) in enumerate(zip(candidates, implants, strict=True), start=1)
    ]


def _implant(implant: Implant) -> dict[str, Any]:
    return {
        "implant_id": implant.pk,
        "manufacturer": implant.manufacturer.name,
        "name": implant.name,
        "is_demo": implant.is_demo,
    }


def _table(answers: list[dict[str, Any]]) -> str:
    rows = []
    for answer in answers:
        if "error" in answer:
            rows.append([answer["image"], "", answer["error"], ""])
        for result in answer.get("results", []):
            similarity = f"{result['similarity']:.3f}"
            word = _word(answer) if result["rank"] == 1 else ""
            rows.append([answer["image"], similarity, _name(result), word])
    return table(["image", "similarity", "implant", "confidence"], rows)


def _word(answer: dict[str, Any]) -> str:
    word = (answer["confidence"] or "not calibrated").replace("_", " ")
    return f"{word} ({answer['observations']} observations)"


def _name(implant: dict[str, Any]) -> str:
    demo = " (demo)" if implant["is_demo"] else ""
    return f"{implant['manufacturer']} {implant['name']}{demo}"


def _notes(answers: list[dict[str, Any]]) -> str:
    """What has to be said beside the numbers, a line each."""
    lines = []
    for answer in answers:
        if answer.get("concerns"):
            words = ", ".join(answer["concerns"]).replace("_", " ")
            lines.append(f"{answer['image']}: take care, {words}.")
        if found := answer.get("look_alikes"):
            names = ", ".join(map(_name, found["implants"]))
            lines.append(f"{answer['image']}: a film can't tell these apart: {names}.")
    return "".join(f"\n{line}" for line in lines)
