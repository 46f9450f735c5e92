"""The tables of the core."""

from .audit import AuditAnchor, AuditEntry
from .checks import CheckLook, CommitCheck, Forge
from .deployments import Deployment, Errand, Executor, JournalEntry, LogChunk, Step
from .duty import Duty
from .fleet import Alias, App, Credential, Environment, Group, KnownCommit, KnownRef, Placement, Server
from .people import Grant, Person, Team
from .releases import Artifact, Manifest, Release, ReleaseCopy
from .safety import Approval, BreakGlass, Freeze, Lock, Notice, Schedule, Window
from .secrets import Secret
from .sequence import Installation, StreamHead

__all__ = [
    "Alias",
    "App",
    "Approval",
    "Artifact",
    "AuditAnchor",
    "AuditEntry",
    "BreakGlass",
    "CheckLook",
    "CommitCheck",
    "Credential",
    "Deployment",
    "Duty",
    "Environment",
    "Errand",
    "Executor",
    "Forge",
    "Freeze",
    "Grant",
    "Group",
    "Installation",
    "JournalEntry",
    "KnownCommit",
    "KnownRef",
    "Lock",
    "LogChunk",
    "Manifest",
    "Notice",
    "Person",
    "Placement",
    "Release",
    "ReleaseCopy",
    "Schedule",
    "Secret",
    "Server",
    "Step",
    "StreamHead",
    "Team",
    "Window",
]
