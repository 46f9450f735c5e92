"""The deploy core as a Django app."""

from django.apps import AppConfig


class DeployCoreConfig(AppConfig):
    name = "deploy_core"
    default_auto_field = "django.db.models.BigAutoField"
