from django.db import migrations, models
from django.db.models import CASCADE


class Migration(migrations.Migration):

    dependencies = [
        ("slack", "0004_talk"),
    ]

    operations = [
        migrations.AddField(
            "post", "joined", models.ForeignKey("slack.post", CASCADE, related_name="along", blank=True, null=True)
        ),
    ]
