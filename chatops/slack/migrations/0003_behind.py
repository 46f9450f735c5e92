from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("slack", "0002_kept_requests"),
    ]

    operations = [
        migrations.AddField("workspace", "behind", models.DateTimeField(blank=True, null=True)),
    ]
