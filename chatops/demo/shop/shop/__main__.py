"""`python -m shop PORT`: replace the running copy by this one, in the background."""

import sys
from pathlib import Path

from shop import daemon, server

RELEASE = Path(__file__).resolve().parent.parent

daemon.replace(RELEASE / "var", lambda: server.listen(int(sys.argv[1]), RELEASE))
