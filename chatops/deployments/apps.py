"""This part of the web project as a Django app."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "chatops.deployments"
    label = "deployment_pages"
