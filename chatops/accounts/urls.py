"""Addresses below /accounts/."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from chatops.accounts import views

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("link/<str:token>/", views.Link.as_view(), name="link"),
    path("language/", views.language, name="language"),
]
