"""Addresses of trust: one's own account, who may do what, and what was done."""

from django.urls import path
from django.views.generic import RedirectView

from chatops.trust import account, audits, emergencies, people

#: allauth goes back to pages of these names; here they are one.
_OWN = RedirectView.as_view(pattern_name="account")

urlpatterns = [
    path("accounts/", account.page, name="account"),
    path("accounts/two-steps/", _OWN, name="mfa_index"),
    path("accounts/passkeys/", _OWN, name="mfa_list_webauthn"),
    path("accounts/password/", account.password, name="password"),
    path("accounts/time-zone/", account.time_zone, name="time-zone"),
    path("accounts/sessions/end/", account.end_visit, name="end-visit"),
    path("accounts/prove/", account.prove, name="prove"),
    path("accounts/stale/", account.stale, name="account-stale"),
    path("people/", people.Listing.as_view(), name="people"),
    path("people/<int:pk>/", people.PersonPage.as_view(), name="person"),
    path("people/teams/<int:pk>/", people.TeamPage.as_view(), name="team"),
    path("audit/", audits.Audit.as_view(), name="audit"),
    path("audit/export.<str:shape>", audits.Export.as_view(), name="audit-export"),
    path("reviews/", emergencies.Reviews.as_view(), name="reviews"),
    path("reviews/break/<str:app>/<str:name>/", emergencies.Break.as_view(), name="break-glass"),
]
