"""Repositories: a bare mirror of each, and what can be asked of it. The only package that knows GitPython.

GitPython starts git and nothing more: every argument list is fixed here, and what a person typed reaches git only
after it became a full commit id. Its `clone_from` is not used (it cannot be ended), nor are its objects (slower).
"""

from .mirror import Mirror, is_allowed_url
from .values import Commit, Ref, Revision

__all__ = ["Commit", "Mirror", "Ref", "Revision", "is_allowed_url"]
