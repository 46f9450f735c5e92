"""How tests are spread over the workers of `pytest -n`: a file stays together, a folder that shares a server too."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests share what takes seconds to start. They begin first, because they take longest.
SHARING = ("browser", "road", "workers")


def together(nodeid: str) -> str:
    """What is kept on one worker with the test `nodeid`: its file, or its folder."""
    file = PurePosixPath(nodeid.partition("::")[0])
    return str(file.parent if file.parent.name in SHARING else file)


class ByFile(LoadScopeScheduling):
    """xdist's own marks for groups say nothing to pytest 9.2, so the scope of a test is asked here."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)
