"""Addresses below /deployments/."""

from django.urls import path

from chatops.deployments import acts, changes, logs, views

urlpatterns = [
    path("", views.listing, name="deployments"),
    path("<int:number>/", views.page, name="deployment"),
    path("<int:number>/act/", acts.act, name="act"),
    path("<int:number>/changes/", changes.page, name="deployment-changes"),
    path("<int:number>/journal/", views.journal, name="deployment-journal"),
    path("<int:number>/logs.zip", logs.everything, name="deployment-logs"),
    path("<int:number>/log/<str:key>/", logs.page, name="log"),
    path("<int:number>/log/<str:key>/find/", logs.find, name="log-find"),
    path("<int:number>/log/<str:key>/until/", logs.until, name="log-until"),
]
