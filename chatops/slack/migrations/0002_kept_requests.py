from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("slack", "0001_slack"),
    ]

    operations = [
        migrations.AlterModelOptions(name="delivery", options={"verbose_name_plural": "deliveries"}),
        migrations.AddField("delivery", "sealed", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("delivery", "taken", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "delivery", "by", models.CharField(blank=True, default="", max_length=48), preserve_default=False
        ),
        migrations.AddIndex(
            "delivery",
            models.Index(
                condition=models.Q(("taken__isnull", False)), fields=["taken"], name="slack_delivery_open"
            ),
        ),
    ]
