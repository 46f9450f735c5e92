"""Forms of rooms: making one, and what it is like."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chatops.room import people
from chatops.room.models import Room
from deploy_core.models import Person
from deploy_core.models.fleet import NAME

TOPIC_LENGTH = 200
TAKEN = _("There is a room of this name already, perhaps a closed one. Choose another name.")


class RoomForm(forms.Form):
    """What a room is like; its name is given once."""

    topic = forms.CharField(required=False, max_length=TOPIC_LENGTH)
    is_closed = forms.BooleanField(required=False)
    is_announcements = forms.BooleanField(required=False)


class NewRoomForm(RoomForm):
    """A room that is to be made, with the apps it follows: those that the person manages."""

    slug = forms.CharField(max_length=63, strip=True)

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = people.may_follow(person)
        self.fields["apps"] = forms.ModelMultipleChoiceField(self.choices, required=False, to_field_name="name")

    def clean_slug(self) -> str:
        """
        Raises:
            ValidationError: it is no name, or there is such a room.
        """
        slug: str = self.cleaned_data["slug"].lower().lstrip("#")
        NAME(slug)
        if Room.objects.filter(slug=slug).exists():
            raise ValidationError(TAKEN)
        return slug
