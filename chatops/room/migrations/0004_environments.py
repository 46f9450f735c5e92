from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("room", "0003_reply_to"),
    ]

    operations = [
        migrations.AddField(
            model_name="room",
            name="environments",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
