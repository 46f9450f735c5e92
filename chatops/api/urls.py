"""Addresses below /api/v1/."""

from django.urls import path

from chatops.api import views

urlpatterns = [path(address, views.door(address)) for address in views.DOORS]
