"""The tables of the core."""

from .audit import AuditEntry
from .deployments import Deployment, Errand, Executor, JournalEntry, LogChunk, Step
from .duty import Duty
from .fleet import Alias, App, Credential, Environment, Group, KnownCommit, KnownRef, Placement, Server
from .people import Grant, Person
from .releases import Artifact, Manifest, Release, ReleaseCopy
from .safety import Approval, Freeze, Lock, Notice, Schedule, Window
from .sequence import Installation, StreamHead

__all__ = [
    "Alias",
    "App",
    "Approval",
    "Artifact",
    "AuditEntry",
    "Credential",
    "Deployment",
    "Duty",
    "Environment",
    "Errand",
    "Executor",
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
    "Server",
    "Step",
    "StreamHead",
    "Window",
]
