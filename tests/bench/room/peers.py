"""The other servers, each as its documentation shows a chat room: what one sends all members get, nothing is kept.

Their programs get the port as the first word and, where they use one, the address of a Redis as the second.
"""

import json
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

NODE = {"ws": "8.23.0", "socket.io": "4.8.4", "@socket.io/redis-adapter": "8.3.0", "redis": "6.3.1"}
PYTHON = ("picows==2.3.1", "uvloop==0.23.0")

WS = """\
const { WebSocketServer } = require("ws")
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 2048 })
server.on("connection", (socket) => {
  socket.on("error", console.error)
  socket.on("message", (data) => {
    const message = JSON.stringify(JSON.parse(data))
    for (const client of server.clients) if (client.readyState === 1) client.send(message)
  })
})
"""

SOCKETIO = """\
const { createServer } = require("http")
const { Server } = require("socket.io")
async function run(port, redis) {
  const http = createServer()
  const io = new Server(http)
  if (redis) {
    const { createClient } = require("redis")
    const { createAdapter } = require("@socket.io/redis-adapter")
    const publisher = createClient({ url: redis })
    const subscriber = publisher.duplicate()
    await Promise.all([publisher.connect(), subscriber.connect()])
    io.adapter(createAdapter(publisher, subscriber))
  }
  io.on("connection", (socket) => {
    socket.join("room")
    socket.on("message", (message) => io.to("room").emit("message", message))
  })
  http.listen(port, "127.0.0.1", 2048)
}
run(Number(process.argv[2]), process.argv[3])
"""

PICOWS = """\
import asyncio, json, sys
import uvloop
from picows import WSListener, WSMsgType, ws_create_server
members = set()
class Member(WSListener):
    def on_ws_connected(self, transport):
        members.add(transport)
    def on_ws_disconnected(self, transport):
        members.discard(transport)
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            message = json.dumps(json.loads(frame.get_payload_as_bytes())).encode()
            for member in members:
                member.send(WSMsgType.TEXT, message)
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
async def main():
    server = await ws_create_server(lambda request: Member(), "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()
uvloop.run(main())
"""

TUTORIAL = """\
import json, os, sys
from urllib.parse import urlsplit
import django
from django.conf import settings
redis = urlsplit(sys.argv[2])
layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [(redis.hostname, redis.port)]}}
settings.configure(SECRET_KEY="bench", ALLOWED_HOSTS=["*"], INSTALLED_APPS=["daphne", "channels"],
                   CHANNEL_LAYERS={"default": layer}, USE_TZ=True)
from daphne.cli import CommandLineInterface
django.setup()
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path
class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.room_group_name = "chat_room"
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()
    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
    async def receive(self, text_data):
        message = json.loads(text_data)["message"]
        await self.channel_layer.group_send(self.room_group_name, {"type": "chat.message", "message": message})
    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))
application = ProtocolTypeRouter({"websocket": URLRouter([path("", ChatConsumer.as_asgi())])})
sys.modules["tutorial"] = sys.modules["__main__"]
CommandLineInterface().run(["-b", "127.0.0.1", "-p", sys.argv[1], "-v", "0",
                            "--websocket_connect_timeout", "60", "tutorial:application"])
"""


@dataclass(frozen=True)
class Peer:
    """`kind`: what its members speak (members.c); `path`: where its socket is."""

    name: str
    program: str
    kind: str = "plain"
    path: str = "/"
    needs_redis: bool = False


_ENGINE = "/socket.io/?EIO=4&transport=websocket"
PEERS = (
    Peer("ws", "ws.js"),
    Peer("socketio", "socketio.js", "socketio", _ENGINE),
    Peer("socketio-redis", "socketio.js", "socketio", _ENGINE, needs_redis=True),
    Peer("picows", "picows_room.py"),
    Peer("tutorial", "tutorial_room.py", needs_redis=True),
)


def install(folder: Path) -> None:
    """The peers' libraries and programs in `folder`; quick when they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    programs = {"ws.js": WS, "socketio.js": SOCKETIO, "picows_room.py": PICOWS, "tutorial_room.py": TUTORIAL}
    for name, text in programs.items():
        (folder / name).write_text(text)
    wanted = json.dumps({"private": True, "dependencies": NODE})
    manifest = folder / "package.json"
    if not manifest.exists() or manifest.read_text() != wanted or not (folder / "node_modules").exists():
        manifest.write_text(wanted)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    python = folder / "venv/bin/python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *PYTHON], check=True)


def argv(peer: Peer, folder: Path, port: int, redis_url: str) -> list[str]:
    """The command that serves `peer` on `port`."""
    if peer.program.endswith(".js"):
        runner = shutil.which("node") or "node"
    else:
        runner = str(folder / "venv/bin/python") if peer.name == "picows" else sys.executable
    return [runner, str(folder / peer.program), str(port), *([redis_url] if peer.needs_redis else [])]
