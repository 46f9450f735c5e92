"""Addresses below /hooks/."""

from django.urls import path

from chatops.webhooks import doors

urlpatterns = [path("<str:provider>/<str:app>/", doors.knock, name="hook")]
