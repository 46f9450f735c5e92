"""Who is here and what each may do: people, teams, and the grants of both. For who manages everything."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from bot import phrases
from chatops.accounts import links, proof, visits
from chatops.room.views import MemberRequest, rail
from chatops.trust import granting
from chatops.trust.forms import GrantForm, PersonForm, TeamForm
from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import Grant, Person, Team
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access

SEARCH_LIMIT = 100


def manages_all(person: Person) -> bool:
    """Whether `person` manages every environment of every app."""
    return access.can(person, "manage", EVERYWHERE, EVERYWHERE)


class Managed(View):
    """A page for who manages everything; for everybody else it does not exist."""

    request: MemberRequest

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Look at the rights first."""
        if not manages_all(request.user):
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def draw(self, template: str, status: int = 200, **context: Any) -> HttpResponse:
        """The page with what every page of trust shows around its own."""
        return render(
            self.request, template, {"page": "people", "rooms": rail(self.request.user)} | context, status=status
        )


_page = method_decorator([never_cache, login_required], name="dispatch")


@_page
class Listing(Managed):
    """Everybody, and the teams; `?find=` narrows both. A new person or team is added here."""

    def get(self, request: MemberRequest) -> HttpResponse:
        """The two lists."""
        return self._lists()

    def post(self, request: MemberRequest) -> HttpResponse:
        """Invite a person (`add` is person) or make a team."""
        is_team = request.POST.get("add") == "team"
        form = TeamForm(request.POST) if is_team else PersonForm(request.POST)
        if not form.is_valid():
            return self._lists(400, **{"team_form" if is_team else "person_form": form})
        with transaction.atomic():
            made = form.save()
            audit.record(request.user, "team.add" if is_team else "person.add", str(made), "done")
        return redirect("team" if is_team else "person", made.pk)

    def _lists(self, status: int = 200, **forms: Any) -> HttpResponse:
        find = self.request.GET.get("find", "").strip().replace("\0", "")[:SEARCH_LIMIT]
        people = Person.objects.filter(Q(username__icontains=find) | Q(email__icontains=find)).order_by("username")
        told = {
            "people": people.prefetch_related("grants__app", "teams")[:500],
            "teams": Team.objects.filter(name__icontains=find)
            .order_by("name")
            .prefetch_related("grants__app", "people"),
            "find": find,
            "person_form": PersonForm(),
            "team_form": TeamForm(),
        }
        return self.draw("trust/people.html", status, **told | forms)


def _outlasts(request: HttpRequest) -> bool:
    """Whether whoever has this session only for a moment could come in as somebody else for longer, or give somebody
    else more than they have.
    """
    return request.POST.get("do") in ("link", "forget-steps", "grant", "activate")


def _widens(request: HttpRequest) -> bool:
    """The same of a team: who is taken into it has its grants."""
    return request.POST.get("do") in ("grant", "save")


@_page
class PersonPage(Managed):
    """One person: grants, teams, ways in; `do` says which of its buttons was pressed."""

    def get(self, request: MemberRequest, pk: int) -> HttpResponse:
        """As it stands."""
        return self._draw(self._found(pk))

    @method_decorator(proof.asked_again(_outlasts))
    def post(self, request: MemberRequest, pk: int) -> HttpResponse:
        """Do one thing, audited in the same transaction."""
        person = self._found(pk)
        act = _PERSON_ACTS.get(request.POST.get("do", ""))
        if act is None:
            raise Http404
        try:
            with transaction.atomic():
                said = act(person, request)
        except Refused as refused:
            return self._draw(person, 409, trouble=phrases.render_text(refused.code, refused.params))
        if isinstance(said, dict):
            return self._draw(person, 400 if "grant_form" in said else 200, **said)
        return redirect("person", person.pk)

    def _found(self, pk: int) -> Person:
        person = Person.objects.filter(pk=pk).first() if pk < 2**63 else None
        if person is None:
            raise Http404
        return person

    def _draw(self, person: Person, status: int = 200, **more: Any) -> HttpResponse:
        told = {
            "person": person,
            "grants": person.grants.select_related("app").order_by("app__name", "environment"),
            "teams": person.teams.order_by("name").prefetch_related("grants__app"),
            "grant_form": GrantForm(),
            "has_steps": Authenticator.objects.filter(user=person).exists(),
            "visits": visits.of(person),
        }
        return self.draw("trust/person.html", status, **told | more)


@_page
class TeamPage(Managed):
    """One team: its people and its grants."""

    def get(self, request: MemberRequest, pk: int) -> HttpResponse:
        """As it stands."""
        return self._draw(self._found(pk))

    @method_decorator(proof.asked_again(_widens))
    def post(self, request: MemberRequest, pk: int) -> HttpResponse:
        """Do one thing, audited in the same transaction."""
        team = self._found(pk)
        act = _TEAM_ACTS.get(request.POST.get("do", ""))
        if act is None:
            raise Http404
        try:
            with transaction.atomic():
                said = act(team, request)
        except Refused as refused:
            return self._draw(team, 409, trouble=phrases.render_text(refused.code, refused.params))
        if isinstance(said, dict):
            return self._draw(team, 400, **said)
        return redirect("people") if request.POST["do"] == "remove" else redirect("team", team.pk)

    def _found(self, pk: int) -> Team:
        team = Team.objects.filter(pk=pk).first() if pk < 2**63 else None
        if team is None:
            raise Http404
        return team

    def _draw(self, team: Team, status: int = 200, **more: Any) -> HttpResponse:
        told = {
            "team": team,
            "form": TeamForm(instance=team),
            "grants": team.grants.select_related("app").order_by("app__name", "environment"),
            "grant_form": GrantForm(),
        }
        return self.draw("trust/team.html", status, **told | more)


# --- what the buttons do ----------------------------------------------------------------------------------------------
def _grant(to: Person | Team, request: MemberRequest) -> dict[str, Any] | None:
    form = GrantForm(request.POST)
    if not form.is_valid():
        return {"grant_form": form}
    granting.grant(to, by=request.user, **form.cleaned_data)
    return None


def _revoke(of: Person | Team, request: MemberRequest) -> None:
    given = request.POST.get("grant", "")
    found: Grant | None = of.grants.filter(pk=int(given)).first() if given.isdecimal() and len(given) < 19 else None
    if found is None:
        raise Http404
    granting.revoke(found, by=request.user)


def _link(person: Person, request: MemberRequest) -> dict[str, Any]:
    granting.require_person(person)
    audit.record(request.user, "person.link", person.username, "done")
    return {"link": links.address(links.issue(person))}


def _activate(person: Person, request: MemberRequest) -> None:
    granting.activate(person, by=request.user)


def _deactivate(person: Person, request: MemberRequest) -> None:
    granting.deactivate(person, by=request.user)
    visits.end_all(person)


def _sign_out(person: Person, request: MemberRequest) -> None:
    count = visits.end_all(person)
    audit.record(request.user, "session.end", person.username, "done", count=count)


def _forget_steps(person: Person, request: MemberRequest) -> None:
    Authenticator.objects.filter(user=person).delete()
    visits.end_all(person, but=request.session.session_key)  # of one's own, all others
    audit.record(request.user, "second_step.forget", person.username, "done")


def _save_team(team: Team, request: MemberRequest) -> dict[str, Any] | None:
    form = TeamForm(request.POST, instance=team)
    if not form.is_valid():
        return {"form": form}
    granting.keep_team(form, by=request.user)
    return None


def _remove_team(team: Team, request: MemberRequest) -> None:
    granting.remove_team(team, by=request.user)


_PERSON_ACTS: dict[str, Any] = {
    "grant": _grant,
    "revoke": _revoke,
    "link": _link,
    "activate": _activate,
    "deactivate": _deactivate,
    "sign-out": _sign_out,
    "forget-steps": _forget_steps,
}
_TEAM_ACTS: dict[str, Any] = {"grant": _grant, "revoke": _revoke, "save": _save_team, "remove": _remove_team}
