"""The catalogue: manufacturers, implants, their reference radiographs, and encoders' vectors."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Cast
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex, VectorField

from implants.fields import RegionField

DIMENSIONS = 512
DEEPEST_SEARCH = 800
"""So many neighbours the index looks for until it is known how many are needed."""
AXES = 128
"""Along so many of an encoder's principal axes the vectors of a large catalogue are searched."""
SAMPLED_ONE_IN = 50
"""One reference of so many tells a search where the nearest end."""


class Manufacturer(models.Model):
    """Who makes an implant."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    country = models.CharField(_("country"), max_length=2, blank=True, help_text=_("ISO code: BR"))

    class Meta:
        db_table = "manufacturers"
        ordering = ["name"]
        verbose_name = _("manufacturer")
        verbose_name_plural = _("manufacturers")

    def __str__(self) -> str:
        return self.name


class Implant(models.Model):
    """A system or line, such as Straumann BLX: diameters can't be told apart on a film."""

    class Type(models.TextChoices):
        """How the body holds in the bone."""

        SCREW = "screw", _("screw")
        PRESS_FIT = "press_fit", _("press-fit")
        ONE_PIECE = "one_piece", _("one-piece")
        ZYGOMATIC = "zygomatic", _("zygomatic")

    class Connection(models.TextChoices):
        """The interface between implant and abutment."""

        EXTERNAL_HEX = "external_hex", _("external hex")
        INTERNAL_HEX = "internal_hex", _("internal hex")
        INTERNAL_OCTAGON = "internal_octagon", _("internal octagon")
        TRI_CHANNEL = "tri_channel", _("tri-channel")
        CONICAL = "conical", _("conical (Morse)")
        LOCKING_TAPER = "locking_taper", _("locking taper")
        TUBE_IN_TUBE = "tube_in_tube", _("tube-in-tube")
        ONE_PIECE = "one_piece", _("one-piece")

    class Level(models.TextChoices):
        """Where the platform sits."""

        BONE = "bone", _("bone level")
        TISSUE = "tissue", _("tissue level")

    class Body(models.TextChoices):
        """The outline of the body."""

        PARALLEL = "parallel", _("parallel")
        TAPERED = "tapered", _("tapered")
        SEMI_TAPERED = "semi_tapered", _("semi-tapered")

    class Apex(models.TextChoices):
        """The outline of the apex."""

        CONE = "cone", _("cone")
        DOME = "dome", _("dome")
        FLAT = "flat", _("flat")

    class ApicalFeature(models.TextChoices):
        """What is cut into the apex."""

        HOLE = "hole", _("hole")
        GROOVE = "groove", _("groove")

    manufacturer = models.ForeignKey(
        Manufacturer, models.PROTECT, related_name="implants", verbose_name=_("manufacturer")
    )
    name = models.CharField(_("name"), max_length=120)
    aliases = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, verbose_name=_("aliases")
    )
    type = models.CharField(_("type"), max_length=20, choices=Type, blank=True)
    connection = models.CharField(_("connection"), max_length=20, choices=Connection, blank=True)
    connection_detail = models.CharField(_("connection detail"), max_length=200, blank=True)
    level = models.CharField(_("level"), max_length=10, choices=Level, blank=True)
    body = models.CharField(_("body"), max_length=20, choices=Body, blank=True)
    thread = models.CharField(_("thread"), max_length=200, blank=True)
    microthread = models.BooleanField(_("microthread"), null=True, blank=True)
    apex = models.CharField(_("apex"), max_length=10, choices=Apex, blank=True)
    apical_feature = models.CharField(
        _("apical feature"), max_length=10, choices=ApicalFeature, blank=True
    )
    platform = models.CharField(_("platform"), max_length=200, blank=True)
    collar = models.CharField(_("collar"), max_length=200, blank=True)
    diameters_mm = ArrayField(
        models.DecimalField(max_digits=4, decimal_places=2),
        default=list,
        blank=True,
        verbose_name=_("diameters (mm)"),
    )
    sources = models.JSONField(
        _("sources"), default=dict, blank=True, help_text=_("Attribute name to its source")
    )
    look_alike_group = models.CharField(
        _("look-alike group"),
        max_length=100,
        blank=True,
        db_index=True,
        help_text=_("Implants of one group can't be told apart by the film alone"),
    )
    is_demo = models.BooleanField(_("demo"), default=False, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "implants"
        ordering = ["manufacturer__name", "name"]
        verbose_name = _("implant")
        verbose_name_plural = _("implants")
        constraints = [
            models.UniqueConstraint(
                fields=["manufacturer", "name"], name="implants_manufacturer_name_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.manufacturer.name} {self.name}"


class ReferenceImage(models.Model):
    """A radiograph that documents an implant; one film may document two implants."""

    implant = models.ForeignKey(
        Implant, models.CASCADE, related_name="references", verbose_name=_("implant")
    )
    image = models.FileField(_("image"), upload_to="referencia/", max_length=400)
    region = RegionField(null=True, blank=True, verbose_name=_("region"))
    diameter_mm = models.DecimalField(
        _("diameter (mm)"), max_digits=4, decimal_places=2, null=True, blank=True
    )
    length_mm = models.DecimalField(
        _("length (mm)"), max_digits=4, decimal_places=1, null=True, blank=True
    )
    source_key = models.CharField(_("source"), max_length=500, unique=True)
    sha256 = models.CharField(_("SHA-256 of the received bytes"), max_length=64, db_index=True)
    is_demo = models.BooleanField(_("demo"), default=False, editable=False)
    encoding_error = models.CharField(_("encoding error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "reference_images"
        ordering = ["implant", "pk"]
        verbose_name = _("reference radiograph")
        verbose_name_plural = _("reference radiographs")
        constraints = [
            models.UniqueConstraint(
                fields=["implant", "sha256"], name="reference_images_implant_sha256_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.implant} #{self.pk}"


class Encoder(models.Model):
    """An image encoder: a bundle folder (`encoder.onnx`, `encoder.json`) and whether it answers."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    path = models.CharField(_("bundle folder"), max_length=500)
    version = models.CharField(_("version"), max_length=50, blank=True)
    is_active = models.BooleanField(_("active"), default=False)
    calibration = models.JSONField(_("calibration"), null=True, blank=True)
    quality = models.JSONField(_("quality on the catalogue"), null=True, blank=True)
    search_depth = models.PositiveSmallIntegerField(
        _("depth of the search"),
        default=DEEPEST_SEARCH,
        db_default=DEEPEST_SEARCH,
        editable=False,
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "encoders"
        ordering = ["name"]
        verbose_name = _("encoder")
        verbose_name_plural = _("encoders")
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=Q(is_active=True), name="encoders_one_active"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ReferenceVector(models.Model):
    """A reference as one encoder sees it; vectors of different encoders are never compared."""

    reference = models.ForeignKey(ReferenceImage, models.CASCADE, related_name="vectors")
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="vectors")
    embedding = VectorField(dimensions=DIMENSIONS)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        db_table = "reference_vectors"
        verbose_name = _("reference vector")
        verbose_name_plural = _("reference vectors")
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "encoder"], name="reference_vectors_reference_encoder_unique"
            )
        ]
        indexes = [
            HnswIndex(
                # In half precision: what it finds is compared again in full (`implants.search`).
                OpClass(
                    Cast("embedding", HalfVectorField(dimensions=DIMENSIONS)),
                    name="halfvec_cosine_ops",
                ),
                name="reference_vectors_half_hnsw",
                m=48,
                ef_construction=128,
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference_id} / {self.encoder_id}"


class Reduction(models.Model):
    """That an encoder's vectors are reduced to their principal axes, and what came of it.

    `learned_from`: the number of vectors that the axes are of. `depth`: how many of the nearest
    reduced vectors have to be compared in full, as measured on `measured_from` vectors; None while
    reduced vectors are not searched.
    """

    encoder = models.OneToOneField(
        Encoder, models.CASCADE, primary_key=True, related_name="reduction"
    )
    learned_from = models.PositiveIntegerField()
    measured_from = models.PositiveIntegerField(default=0)
    depth = models.PositiveSmallIntegerField(null=True)

    class Meta:
        db_table = "reductions"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.encoder_id)


class PrincipalAxis(models.Model):
    """One of the `AXES` directions along which an encoder's vectors are longest; of length 1."""

    reduction = models.ForeignKey(Reduction, models.CASCADE, related_name="axes")
    number = models.PositiveSmallIntegerField()
    direction = VectorField(dimensions=DIMENSIONS)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        db_table = "principal_axes"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["reduction", "number"], name="principal_axes_reduction_number_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reduction_id} / {self.number}"


class ReducedVector(models.Model):
    """A vector along its encoder's principal axes.

    Only the database writes it: a trigger of `reference_vectors` keeps it true, whoever writes a
    row there, and removes it with the vector. So nothing points from here to other tables.
    """

    pk = models.CompositePrimaryKey("reference", "encoder")
    reference = models.ForeignKey(
        ReferenceImage, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    encoder = models.ForeignKey(
        Encoder, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    reduced = HalfVectorField(dimensions=AXES)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        db_table = "reduced_vectors"
        default_permissions = ()
        indexes = [
            # The sample by itself: each search reads all of it before it reads the table.
            models.Index(
                fields=["encoder"],
                include=["reduced"],
                condition=Q(
                    Exact(Func(F("reference_id"), function="hashint8") % SAMPLED_ONE_IN, 0)
                ),
                name="reduced_vectors_sample",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference_id} / {self.encoder_id}"


class Suspicion(models.Model):
    """A reference whose neighbours are mostly of another implant; made anew by the worker."""

    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="suspicions")
    reference = models.ForeignKey(ReferenceImage, models.CASCADE, related_name="suspicions")
    neighbour = models.ForeignKey(ReferenceImage, models.CASCADE, related_name="+")
    strength = models.FloatField()
    strangers = models.PositiveSmallIntegerField()
    voters = models.PositiveSmallIntegerField()
    similarity = models.FloatField()

    class Meta:
        db_table = "suspicions"
        verbose_name = _("suspicious neighbour")
        verbose_name_plural = _("suspicious neighbours")
        constraints = [
            models.UniqueConstraint(
                fields=["encoder", "reference"], name="suspicions_encoder_reference_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference_id} / {self.neighbour_id}"

    @property
    def look_alikes(self) -> bool:
        """Whether the film can't tell the two apart anyway."""
        group = self.reference.implant.look_alike_group
        return bool(group) and group == self.neighbour.implant.look_alike_group


class ConfirmedLabel(models.Model):
    """Somebody looked at a reference beside its neighbour: its label is right.

    `mark` tells films, labels and regions of both; with another one it counts no more.
    """

    reference = models.ForeignKey(ReferenceImage, models.CASCADE, related_name="+")
    neighbour = models.ForeignKey(ReferenceImage, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=64)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "confirmed_labels"
        verbose_name = _("confirmed label")
        verbose_name_plural = _("confirmed labels")
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "neighbour"], name="confirmed_labels_pair_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference_id} / {self.neighbour_id}"
