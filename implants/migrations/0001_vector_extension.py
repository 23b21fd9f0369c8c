from django.db import migrations
from pgvector.django import VectorExtension


class Migration(migrations.Migration):
    """The extension first: every table with a vector column needs it."""

    initial = True

    dependencies = []

    operations = [VectorExtension()]
