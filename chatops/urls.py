"""Every address of the product, but for the doors that stand beside Django (chatops/asgi.py)."""

from django.urls import include, path

from chatops import health
from chatops.api import pages as tokens
from chatops.deployments import board, wall
from chatops.room import pages, views
from chatops.webhooks import pages as webhooks

urlpatterns = [
    path("", pages.home, name="home"),
    path("rooms/", pages.rooms, name="rooms"),
    path("rooms/<str:slug>/", views.room, name="room"),
    path("rooms/<str:slug>/join/", pages.join, name="room-join"),
    path("rooms/<str:slug>/settings/", pages.settings, name="room-settings"),
    path("deployments/", include("chatops.deployments.urls")),
    path("board/", board.board, name="board"),
    path("board/cells/", board.cells, name="board-cells"),
    path("wall/", wall.wall, name="wall"),
    path("wall/tiles/", wall.tiles, name="wall-tiles"),
    path("fleet/", include("chatops.fleet.urls")),
    path("accounts/", include("chatops.accounts.urls")),
    path("slack/", include("chatops.slack.urls")),
    path("", include("chatops.trust.urls")),
    path("api/v1/", include("chatops.api.urls")),
    path("hooks/", include("chatops.webhooks.urls")),
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("webhooks/", webhooks.Hooks.as_view(), name="webhooks"),
    path("webhooks/<str:name>/", webhooks.Hook.as_view(), name="webhook"),
    path("healthz", health.healthz, name="healthz"),
]
