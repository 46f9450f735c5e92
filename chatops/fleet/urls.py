"""Addresses below /fleet/. What is added stands under /fleet/add/, so that any name is free for a page."""

from django.urls import path

from chatops.fleet import closings, contact, secrets, views

urlpatterns = [
    path("", views.home, name="fleet"),
    path("closings/", closings.page, name="fleet-closings"),
    path("closings/add/<str:noun>/", closings.add, name="fleet-add-closing"),
    path("closings/windows/<int:number>/remove/", closings.remove, name="fleet-remove-window"),
    path("closings/freezes/<int:number>/lift/", closings.lift, name="fleet-lift"),
    path("add/environment/<str:app>/", views.EnvironmentPage.as_view(), name="fleet-add-environment"),
    path("add/<str:key>/", views.Page.as_view(), name="fleet-add"),
    path("remove/environment/<str:app>/<str:name>/", views.Remove.as_view(), name="fleet-remove-environment"),
    path("remove/<str:key>/<str:name>/", views.Remove.as_view(), name="fleet-remove"),
    path("environments/<str:app>/<str:name>/", views.EnvironmentPage.as_view(), name="fleet-environment"),
    path("environments/<str:app>/<str:name>/secrets/", secrets.page, name="fleet-secrets"),
    path("environments/<str:app>/<str:name>/secrets/<str:secret>/", secrets.one, name="fleet-secret"),
    path("remove/secret/<str:app>/<str:name>/<str:secret>/", secrets.remove, name="fleet-remove-secret"),
    path("servers/<str:name>/test/", contact.test, name="fleet-test"),
    path("servers/<str:name>/trust/", contact.trust, name="fleet-trust"),
    path("<str:key>/", views.listing, name="fleet-list"),
    path("<str:key>/<str:name>/", views.Page.as_view(), name="fleet-page"),
]
