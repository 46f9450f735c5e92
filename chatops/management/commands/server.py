"""`manage.py server`: which machines there are, and how to log in to them.

    manage.py server add web-1 deploy@10.0.0.5 --key ~/.ssh/id_ed25519
    manage.py server add web-2 deploy@10.0.0.6:2222 --password       asks for it, or reads a line of standard input
    manage.py server add web-3 deploy@10.0.0.7 --agent               the keys of the SSH agent
    manage.py server check web-1                                     logs in and says what it finds
    manage.py server list

`add` shows the fingerprint of the server's key and asks whether it is right. Where nobody can answer, say it:
`--fingerprint SHA256:…`. Then it logs in once; a server that cannot be reached is not added.
"""

import getpass
import re
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from bot import phrases
from deploy_core.errors import DeployError
from deploy_core.ledger import audit
from deploy_core.management.verbs import verbs_of
from deploy_core.models import Credential, Server
from deploy_core.reach import credentials, ssh
from deploy_core.reach.connection import AgentLogin, KeyLogin, Login, PasswordLogin, ServerAddress
from deploy_core.rules import machines

ADDRESS = re.compile(r"(?P<user>[^@\s]+)@(?P<host>\[[0-9a-fA-F:.]+\]|[^@:\s]+)(:(?P<port>[0-9]{1,5}))?")
#: Prints what it runs, and what it lacks to take a release.
LOOK = "uname -sr; for it in tar gzip find setsid flock sha256sum; do command -v $it >/dev/null || echo no $it; done"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        add = verbs.add_parser("add", help="a new server")
        add.add_argument("name")
        add.add_argument("address", help="user@host, user@host:port")
        way = add.add_mutually_exclusive_group(required=True)
        way.add_argument("--key", type=Path, metavar="FILE", help="log in with this private key")
        way.add_argument("--password", action="store_true", help="log in with a password")
        way.add_argument("--agent", action="store_true", help="log in with the keys of the SSH agent")
        add.add_argument("--fingerprint", metavar="SHA256:…", help="the server's key is this one, do not ask")
        check = verbs.add_parser("check", help="log in and say what is there")
        check.add_argument("name")
        verbs.add_parser("list", help="one line per server")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            {"add": self.add, "check": self.log_in, "list": self.list}[verb](options)
        except DeployError as error:
            raise CommandError(phrases.render(error.code, error.params)) from error
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong

    def add(self, options: dict[str, Any]) -> None:
        """A server whose key a person has seen and whose login works."""
        found = ADDRESS.fullmatch(options["address"])
        if found is None:
            raise CommandError(f"{options['address']}: expected user@host or user@host:port.")
        if Server.objects.filter(name=options["name"]).exists():
            raise CommandError(f"There is a server {options['name']} already.")
        host, port = found["host"].strip("[]"), int(found["port"] or 22)
        if not (machines.is_host(host) and machines.is_user(found["user"])):
            raise CommandError(f"{options['address']}: expected user@host or user@host:port.")
        key = ssh.probe(host, port)
        self._confirm(host, key.fingerprint, options["fingerprint"])
        server = Server(name=options["name"], host=host, port=port, user=found["user"], host_key=key.line)
        server.full_clean()
        login = self._login(options)
        self._look(credentials.address(server), login)
        with transaction.atomic():
            server.credential = _kept(login, server.name)
            server.save()
            audit.record(None, "server.add", server.name, "done", host=host, port=port, fingerprint=key.fingerprint)

    def log_in(self, options: dict[str, Any]) -> None:
        """Log in to a server that is known."""
        server = Server.objects.filter(name=options["name"]).select_related("credential").first()
        if server is None:
            raise CommandError(f"There is no server {options['name']}. manage.py server list shows all.")
        self._look(credentials.address(server), credentials.login(server.credential))

    def list(self, options: dict[str, Any]) -> None:
        """Name, address, way to log in, and where it is used."""
        for server in Server.objects.order_by("name").select_related("credential").prefetch_related("environments"):
            way = server.credential.kind if server.credential else "agent"
            used = ", ".join(str(environment) for environment in server.environments.all())
            self.stdout.write(f"{server.name}: {server.user}@{server.host}:{server.port}, {way}; {used or 'not used'}")

    def _confirm(self, host: str, seen: str, expected: str | None) -> None:
        if expected == seen:
            return
        if expected:
            raise CommandError(f"{host} shows another key: {seen}.")
        if not sys.stdin.isatty():
            raise CommandError(f"{host} shows the key {seen}. If it is right, add --fingerprint {seen}")
        self.stdout.write(f"{host} shows the key {seen}.")
        if input("Is that its fingerprint? [yes/no] ").strip().lower() != "yes":
            raise CommandError("Not added.")

    def _login(self, options: dict[str, Any]) -> Login:
        if options["agent"]:
            return AgentLogin()
        if options["password"]:
            is_asked = sys.stdin.isatty()
            return PasswordLogin(getpass.getpass("Password: ") if is_asked else sys.stdin.readline().rstrip("\r\n"))
        try:
            return KeyLogin(options["key"].expanduser().read_bytes())
        except OSError as error:
            raise CommandError(f"{options['key']}: {error.strerror}") from error

    def _look(self, address: ServerAddress, login: Login) -> None:
        with ssh.connect(address, login) as connection:
            found = connection.run(LOOK).out_tail.split("\n")
        self.stdout.write(f"{address.name}: {', '.join(line for line in found if line)}")


def _kept(login: Login, name: str) -> Credential | None:
    """The row of a login, sealed; none for the agent's."""
    if isinstance(login, AgentLogin):
        return None
    credential = Credential(name=name, kind=Credential.Kind.PASSWORD)
    credential.full_clean()
    credential.save()  # what is sealed is bound to its row
    if isinstance(login, KeyLogin):
        credentials.keep_key(credential, login.pem)
    else:
        credentials.keep_password(credential, login.password)
    credential.save()
    return credential
