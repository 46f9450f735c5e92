"""Servers, a repository and a health check to deploy with, as the core's tests have them."""

import os

from tests.core.conftest import boxes, doctors, repository, world

__all__ = ["boxes", "doctors", "repository", "world"]

#: What takes long, or programs that are on few machines, is a part of `make soak`.
collect_ignore = [] if os.environ.get("SHIPROOM_SOAK") else ["test_nemesis.py", "test_proxies.py"]
