"""Addresses below /slack/."""

from django.urls import path

from chatops.slack import events, views

urlpatterns = [
    path("", views.home, name="slack"),
    path("events", events.events, name="slack-events"),
    path("install", views.install, name="slack-install"),
    path("oauth_redirect", views.oauth_redirect, name="slack-oauth"),
    path("link/<str:token>/", views.Link.as_view(), name="slack-link"),
    path("unlink/<int:number>/", views.unlink, name="slack-unlink"),
    path("channels/<int:number>/quiet/", views.quiet, name="slack-quiet"),
    path("workspaces/<int:number>/remove/", views.remove, name="slack-remove"),
]
