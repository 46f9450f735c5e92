"""What an environment's commands may know, and nobody is shown again."""

from django.db import models

from .fleet import Environment
from .names import VARIABLE
from .people import Person


class Secret(models.Model):
    """A value that an environment's commands get as a variable and nobody is shown again; see `reach.secrets`.

    Whoever may change the repository may print what builds get, masked or not, so each is granted by itself: to what
    runs on this machine (`for_builds`: builds and the hooks around a fetch), and to what runs on servers.
    """

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=64, validators=[VARIABLE])
    sealed = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=0)
    for_builds = models.BooleanField(default=False)
    for_servers = models.BooleanField(default=False)
    changed = models.DateTimeField(auto_now=True)
    #: Null: it was set on the command line, or they are gone.
    set_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("environment", "name"), name="secret_once"),)

    def __str__(self) -> str:
        return f"{self.environment} {self.name}"
