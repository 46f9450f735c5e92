"""The page of tokens: one's own, and those of services for who manages everything. A new one is shown once."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from chatops.accounts import proof
from chatops.api import tokens
from chatops.api.forms import TokenForm
from chatops.api.models import Token
from chatops.room.views import MemberRequest, rail
from deploy_core.models import Person
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access


def whose(person: Person) -> QuerySet[Person]:
    """Those whose tokens `person` looks after."""
    found = Person.objects.filter(pk=person.pk)
    if access.can(person, "manage", EVERYWHERE, EVERYWHERE):
        found |= Person.objects.filter(kind=Person.Kind.SERVICE, is_active=True)
    return found.order_by("username")


def _makes_one(request: HttpRequest) -> bool:
    return request.method == "POST" and "revoke" not in request.POST


#: A token outlives the session that makes it, so whoever makes one proves anew who they are. Ending one needs no proof.
_proven = proof.asked_again(_makes_one)


@method_decorator([never_cache, login_required, _proven], name="dispatch")
class Tokens(View):
    """The list with the form below it."""

    request: MemberRequest

    def get(self, request: MemberRequest) -> HttpResponse:
        """Those that one looks after."""
        return self._draw(self._form())

    def post(self, request: MemberRequest) -> HttpResponse:
        """A new token, which this answer alone shows; or one that ends."""
        if "revoke" in request.POST:
            return self._revoke(request.POST["revoke"])
        form = self._form(request.POST)
        if not form.is_valid():
            return self._draw(form, status=400)
        asked = form.cleaned_data
        try:
            with transaction.atomic():
                token, text = tokens.issue(
                    asked["person"],
                    asked["name"],
                    scopes=asked["scopes"],
                    days=asked["days"],
                    by=request.user,
                    app=asked["app"],
                    environment=asked["environment"],
                )
        except ValidationError as wrong:
            form.add_error("name", wrong.messages)
            return self._draw(form, status=400)
        except IntegrityError:
            return self.post(request)  # the name is taken by now, perhaps by the first of two presses
        return self._draw(self._form(), made=token, text=text)

    def _revoke(self, pk: str) -> HttpResponse:
        found = self._tokens().filter(pk=pk).first() if pk.isascii() and pk.isdigit() and len(pk) < 19 else None
        if found is None:
            raise Http404
        tokens.revoke(found, by=self.request.user)
        return redirect("tokens")

    def _tokens(self) -> QuerySet[Token]:
        found = Token.objects.filter(person__in=whose(self.request.user), revoked__isnull=True)
        return found.select_related("person", "app").order_by("person__username", "name")

    def _form(self, data: Any = None) -> TokenForm:
        person = self.request.user
        return TokenForm(data, people=whose(person), apps=access.visible_apps(person), initial={"person": person})

    def _draw(self, form: TokenForm, status: int = 200, **more: Any) -> HttpResponse:
        context = {
            "page": "tokens",
            "rooms": rail(self.request.user),
            "tokens": self._tokens(),
            "now": timezone.now(),
            "form": form,
        }
        return render(self.request, "api/tokens.html", context | more, status=status)
