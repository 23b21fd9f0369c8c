from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.lookups import Exact


class Migration(migrations.Migration):
    """The rows that each search of reduced vectors reads first, in an index of their own."""

    # Beside those who write: CREATE INDEX CONCURRENTLY takes no part in a transaction. Interrupted,
    # it leaves an index that answers nothing; it is dropped before the next attempt.
    atomic = False

    dependencies = [("implants", "0008_reduce_reference_vector")]

    operations = [
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS reduced_vectors_sample", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            "reducedvector",
            models.Index(
                fields=["encoder"],
                include=["reduced"],
                condition=models.Q(
                    Exact(models.Func(models.F("reference_id"), function="hashint8") % 50, 0)
                ),
                name="reduced_vectors_sample",
            ),
        ),
    ]
