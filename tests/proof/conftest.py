"""Servers, a repository and a health check to deploy with, as the core's tests have them."""

from tests.core.conftest import boxes, doctors, repository, world

__all__ = ["boxes", "doctors", "repository", "world"]
