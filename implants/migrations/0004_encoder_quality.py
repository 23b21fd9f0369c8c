from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('implants', '0003_half_precision_index'),
    ]

    operations = [
        migrations.AddField(
            model_name='encoder',
            name='quality',
            field=models.JSONField(blank=True, null=True, verbose_name='quality on the catalogue'),
        ),
    ]
