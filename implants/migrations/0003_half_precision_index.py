import pgvector.django
from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations
from django.db.models.functions import Cast


class Migration(migrations.Migration):
    """The index in half precision, built beside the old one: searches and seeding go on."""

    # CREATE INDEX CONCURRENTLY takes no part in a transaction. Interrupted, it leaves an index
    # that answers nothing; it is dropped before the next attempt.
    atomic = False

    dependencies = [("implants", "0002_catalogue")]

    operations = [
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS reference_vectors_half_hnsw",
            migrations.RunSQL.noop,
        ),
        AddIndexConcurrently(
            "referencevector",
            pgvector.django.HnswIndex(
                OpClass(
                    Cast("embedding", pgvector.django.HalfVectorField(dimensions=512)),
                    name="halfvec_cosine_ops",
                ),
                name="reference_vectors_half_hnsw",
                m=48,
                ef_construction=128,
            ),
        ),
        RemoveIndexConcurrently("referencevector", "reference_vectors_hnsw"),
    ]
