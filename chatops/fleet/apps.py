"""This part of the web project as a Django app."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "chatops.fleet"
    label = "fleet"
