"""What a person calls their own lines."""

from django.db import models

from deploy_core.models import Person
from deploy_core.models.fleet import NAME


class OwnAlias(models.Model):
    """A word of one person for a whole command, kept without its slash: `hot` is `deploy web to staging`."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="own_aliases")
    word = models.CharField(max_length=63, validators=[NAME])
    line = models.CharField(max_length=500)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "word"), name="own_alias_once"),)
        ordering = ("word",)

    def __str__(self) -> str:
        return f"{self.word} = {self.line}"
