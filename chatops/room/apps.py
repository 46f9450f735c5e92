"""The room as a Django app."""

from django.apps import AppConfig


class RoomConfig(AppConfig):
    name = "chatops.room"
    label = "room"
    default_auto_field = "django.db.models.BigAutoField"
