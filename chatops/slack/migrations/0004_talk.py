from django.db import migrations, models
from django.db.models import CASCADE


class Migration(migrations.Migration):

    dependencies = [
        ("room", "0004_environments"),
        ("slack", "0003_behind"),
    ]

    operations = [
        migrations.AddField("channel", "talk", models.PositiveBigIntegerField(blank=True, null=True)),
        migrations.AddField("channel", "is_private", models.BooleanField(default=False)),
        migrations.AddField("channel", "is_wide", models.BooleanField(default=False)),
        migrations.AddField(
            "post", "said", models.ForeignKey("room.message", CASCADE, related_name="+", blank=True, null=True)
        ),
        migrations.AddField("post", "is_gone", models.BooleanField(default=False)),
        migrations.CreateModel(
            "Heard",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("room", models.ForeignKey("room.room", CASCADE, related_name="+")),
                ("place", models.CharField(max_length=32)),
                ("ts", models.CharField(max_length=32)),
                ("thread", models.CharField(blank=True, max_length=32)),
                ("message", models.ForeignKey("room.message", CASCADE, related_name="+")),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            {"constraints": [models.UniqueConstraint(fields=("room", "place", "ts"), name="slack_heard_once")]},
        ),
    ]
