"""Webhooks as a Django app: those that come in from where repositories live, and those that go out."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "chatops.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"
