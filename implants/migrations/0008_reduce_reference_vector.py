from django.db import migrations


class Migration(migrations.Migration):
    """From now on each vector that is written is reduced too.

    Alone, since whoever writes vectors waits for as long as this transaction takes.
    """

    dependencies = [("implants", "0007_reduced_vectors")]

    operations = [
        migrations.RunSQL(
            """
            CREATE OR REPLACE TRIGGER reduce_reference_vector
            AFTER INSERT OR DELETE OR UPDATE OF reference_id, encoder_id, embedding
            ON reference_vectors
            FOR EACH ROW EXECUTE FUNCTION reduce_reference_vector()
            """,
            "DROP TRIGGER IF EXISTS reduce_reference_vector ON reference_vectors",
        ),
    ]
