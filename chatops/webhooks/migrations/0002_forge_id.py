from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("webhooks", "0001_doors"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoing",
            name="forge_id",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
    ]
