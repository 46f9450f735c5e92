"""This part of the web project as a Django app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "chatops.api"
    label = "api"
