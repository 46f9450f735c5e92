"""This part of the web project as a Django app."""

from django.apps import AppConfig


class SlackConfig(AppConfig):
    name = "chatops.slack"
    label = "slack"
