"""The app as Slack is told about it: what it may, what it listens to, where it is."""

from typing import Any

#: What the bot may, and what for.
SCOPES: dict[str, str] = {
    "commands": "/deploy",
    "chat:write": "the messages of deployments",
    "chat:write.public": "the same in public channels that nobody invited it to",
    "app_mentions:read": "@deploy in a thread",
    "channels:read": "what a channel is called and whether it is shared, when a room is linked",
    "groups:read": "the same for private channels",
    "channels:history": "whether a message arrived whose answer was lost; what people say, where a room shows it",
    "groups:history": "the same in private channels",
    "im:history": "the same in direct messages",
    "users:read": "that somebody was deactivated, and what people are called",
}
EVENTS = (
    "app_mention", "message.channels", "message.groups", "app_uninstalled", "tokens_revoked", "user_change",
    "channel_archive", "channel_shared",
)  # fmt: skip


def make(url: str, *, is_socket: bool = False) -> dict[str, Any]:
    """The manifest for an installation at `url`; `is_socket`: Slack does not come to us, we go to Slack."""
    door: dict[str, str] = {} if is_socket else {"url": f"{url}/slack/events"}
    request = {} if is_socket else {"request_url": f"{url}/slack/events"}
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Shiproom",
            "description": "Deploy from chat",
            "background_color": "#1f2937",
        },
        "features": {
            "bot_user": {"display_name": "deploy", "always_online": True},
            "slash_commands": [
                {
                    "command": "/deploy",
                    **door,
                    "description": "Deploy, stop, roll back",
                    "usage_hint": "app[/ref] to environment | status | help",
                    "should_escape": True,
                }
            ],
            "shortcuts": [
                {
                    "name": "Deploy…",
                    "type": "global",
                    "callback_id": "deploy_modal",
                    "description": "Open the form to deploy",
                }
            ],
        },
        "oauth_config": {"redirect_urls": [f"{url}/slack/oauth_redirect"], "scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True, **request},
            "event_subscriptions": {**request, "bot_events": list(EVENTS)},
            "org_deploy_enabled": False,
            "socket_mode_enabled": is_socket,
            "token_rotation_enabled": False,
        },
    }
