"""`manage.py hook`: webhooks from where repositories live, and to whoever wants to hear.

    manage.py hook in shop github --person ci        GitHub may tell of pushes; prints the address and the secret
    manage.py hook follow shop staging main          a push to main deploys staging (an empty branch: none does)
    manage.py hook send shop main --delivery D1      what a signed push of the newest commit looks like, as a curl line
    manage.py hook out ops https://ops.example.org/in --person alice --app shop --event deployment.failed
    manage.py hook log ops                           what was told lately, and what became of it
    manage.py hook drop ops                          tell that address nothing more
    manage.py hook list                              every hook

A secret is printed once, and kept sealed. `in` again makes a new one. The person is a service person with a deployer's
role where the hook may deploy (manage.py person add ci --service; manage.py person grant ci deployer --app shop).
"""

import json
import shlex
import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from chatops.webhooks import outbox, secrets, signature
from chatops.webhooks.models import IncomingHook, OutgoingHook
from deploy_core.ledger import audit
from deploy_core.management.verbs import verbs_of
from deploy_core.models import App, Environment, KnownRef, Person
from deploy_core.reach import http
from deploy_core.rules import repository


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        into = verbs.add_parser("in", help="let GitHub or GitLab tell of pushes to an app's repository")
        into.add_argument("app")
        into.add_argument("provider", choices=IncomingHook.Provider.values)
        into.add_argument("--person", required=True, help="in whose name they deploy: a service person")
        follow = verbs.add_parser("follow", help="the branch whose pushes deploy an environment")
        follow.add_argument("app")
        follow.add_argument("environment")
        follow.add_argument("branch", help='"" for none')
        send = verbs.add_parser("send", help="print a curl line that sends a signed push, as GitHub would")
        send.add_argument("app")
        send.add_argument("branch")
        send.add_argument("--delivery", default="", help="the delivery's id (default: a new one)")
        send.add_argument("--forged", action="store_true", help="signed with a wrong secret")
        out = verbs.add_parser("out", help="tell an address what happens to deployments; prints the secret")
        out.add_argument("name")
        out.add_argument("url")
        out.add_argument("--person", required=True, help="who keeps it: it is told what they may view")
        out.add_argument("--app", action="append", default=[], help="of this app alone (default: all)")
        out.add_argument(
            "--event", action="append", default=[], choices=outbox.EVENTS, help="this alone (default: all)"
        )
        for verb, help_ in (("log", "what was told lately"), ("drop", "tell an address nothing more")):
            verbs.add_parser(verb, help=help_).add_argument("name")
        verbs.add_parser("list", help="every hook")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        with transaction.atomic():
            getattr(self, f"{verb}_" if verb == "in" else verb)(options)

    def in_(self, options: dict[str, Any]) -> None:
        """A hook with a new secret."""
        app, person = _app(options["app"]), Person.objects.filter(username=options["person"]).first()
        if person is None or person.kind != Person.Kind.SERVICE:
            raise CommandError(f"There is no service person {options['person']}: manage.py person add NAME --service.")
        hook, _ = IncomingHook.objects.update_or_create(
            app=app, provider=options["provider"], defaults={"person": person}
        )
        secret = secrets.renew(hook)
        audit.record(None, "hook.in", str(hook), "done", person=person.username)
        self.stdout.write(f"address  {_address(hook)}\nsecret   {secret}\nevents   push, as application/json")

    def follow(self, options: dict[str, Any]) -> None:
        """Which pushes deploy an environment."""
        app, branch = _app(options["app"]), options["branch"]
        environment = Environment.objects.filter(app=app, name=options["environment"]).first()
        if environment is None:
            raise CommandError(f"{app} has no environment {options['environment']}.")
        if branch and not repository.is_ref_name(branch):
            raise CommandError(f"{branch!r} is no branch.")
        environment.followed_branch = branch
        environment.save(update_fields=["followed_branch"])
        audit.record(None, "environment.save", str(environment), "done", followed_branch=branch)

    def send(self, options: dict[str, Any]) -> None:
        """A push that anybody with a shell may send, to see what it does."""
        app = _app(options["app"])
        hook = IncomingHook.objects.filter(app=app, provider=IncomingHook.Provider.GITHUB).first()
        if hook is None:
            raise CommandError(f"{app} has no hook for GitHub: manage.py hook in {app} github --person NAME.")
        known = KnownRef.objects.filter(app=app, kind=KnownRef.Kind.BRANCH, name=options["branch"]).first()
        delivery = options["delivery"] or str(uuid.uuid4())
        payload = {
            "ref": f"refs/heads/{options['branch']}",
            "after": known.revision if known else "1" * 40,
            "deleted": False,
            "delivery": delivery,
        }
        body = json.dumps(payload)
        secret = b"not the secret" if options["forged"] else secrets.of(hook)
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": signature.github(secret, body.encode()),
        }
        told = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        self.stdout.write(shlex.join(["curl", "-sS", "-d", body, *told, _address(hook)]))

    def out(self, options: dict[str, Any]) -> None:
        """An address that is told, with a new secret."""
        person = Person.objects.filter(username=options["person"], is_active=True).first()
        if person is None:
            raise CommandError(f"There is no active {options['person']}. manage.py person list shows everybody.")
        if reason := http.why_not_allowed(options["url"]):
            raise CommandError(f"{options['url']} may not be told ({reason}); see SHIPROOM_INTERNAL_HOSTS.")
        hook = OutgoingHook.objects.filter(name=options["name"]).first() or OutgoingHook(name=options["name"])
        hook.url, hook.person, hook.events, hook.is_active = options["url"], person, options["event"], True
        try:
            hook.full_clean()
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong
        hook.save()
        hook.apps.set([_app(name) for name in options["app"]])
        secret = secrets.renew(hook)
        audit.record(None, "hook.out", hook.name, "done", person=person.username, host=hook.host, apps=options["app"])
        self.stdout.write(f"secret   {secret}")

    def log(self, options: dict[str, Any]) -> None:
        """The newest deliveries, one a line."""
        for each in _outgoing(options["name"]).deliveries.order_by("-pk")[:50]:
            end = f"next try {each.next_try:%Y-%m-%d %H:%M:%S}" if each.next_try else each.state
            said = " ".join(str(word) for word in (each.answer, each.trouble) if word)
            self.stdout.write(f"{each.key} {each.event}: {end} after {each.attempts} attempts {said}".rstrip())

    def drop(self, options: dict[str, Any]) -> None:
        """The hook, with its log."""
        hook = _outgoing(options["name"])
        audit.record(None, "hook.drop", hook.name, "done", host=hook.host)
        hook.delete()

    def list(self, options: dict[str, Any]) -> None:
        """One line per hook."""
        for each in OutgoingHook.objects.select_related("person").order_by("name"):
            apps = ", ".join(each.apps.order_by("name").values_list("name", flat=True)) or "every app"
            state = "" if each.is_active else " (paused)"
            self.stdout.write(f"{each.name}{state}: {each.url} is told of {apps}, as {each.person} sees it")
        for hook in IncomingHook.objects.select_related("app", "person").order_by("app__name", "provider"):
            follows = [
                f"{each.followed_branch} to {each.name}" for each in hook.app.environments.all() if each.followed_branch
            ]
            self.stdout.write(f"{_address(hook)} as {hook.person}: {', '.join(follows) or 'no branch is followed'}")


def _address(hook: IncomingHook) -> str:
    return f"{settings.PUBLIC_URL}/hooks/{hook.provider}/{hook.app.name}/"


def _outgoing(name: str) -> OutgoingHook:
    hook = OutgoingHook.objects.filter(name=name).first()
    if hook is None:
        raise CommandError(f"There is no hook {name}. manage.py hook list shows all.")
    return hook


def _app(name: str) -> App:
    app = App.objects.filter(name=name).first()
    if app is None:
        raise CommandError(f"There is no app {name}. manage.py app list shows all.")
    return app
