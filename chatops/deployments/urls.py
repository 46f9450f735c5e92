"""Addresses below /deployments/."""

from django.urls import path

from chatops.deployments import acts, views

urlpatterns = [
    path("", views.listing, name="deployments"),
    path("<int:number>/", views.page, name="deployment"),
    path("<int:number>/act/", acts.act, name="act"),
    path("<int:number>/log/<str:key>/", views.log, name="log"),
]
