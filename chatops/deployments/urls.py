"""Addresses below /deployments/."""

from django.urls import path

from chatops.deployments import views

urlpatterns = [
    path("", views.listing, name="deployments"),
    path("<int:number>/", views.page, name="deployment"),
    path("<int:number>/log/<str:key>/", views.log, name="log"),
]
