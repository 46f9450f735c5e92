"""The settings of a test process: `chatops.settings` on a data folder of its own, and cheap where no test looks.

pytest-django reads settings before any conftest.py, so the folder is made here. Each xdist worker is a process and
so has its own. Programs that tests start are real installations: conftest.py gives them `chatops.settings` back.
"""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="shiproom-test-")
_owner = os.getpid()
#: The folder of the process that began: all workers of xdist share it, and it is gone when that process ends.
FOLDER_OF_RUN = os.environ.setdefault("SHIPROOM_FOLDER_OF_TESTS", _folder)


def remove_folder() -> None:
    """The data folder of this process, gone; asked twice is once."""
    if os.getpid() == _owner:  # a forked child that ends takes nothing away
        shutil.rmtree(_folder, ignore_errors=True)


atexit.register(remove_folder)
os.environ["SHIPROOM_DATA"] = os.path.join(_folder, "var")

#: What the person running the tests has set; `tests.services` reads it, this process uses no Redis by itself.
REDIS_URL_OF_TESTS = os.environ.pop("REDIS_URL", "")
for _name in ("DEBUG", "PUBLIC_URL", "SECRET_KEY", "SHIPROOM_KEY_FILE", "SHIPROOM_ARTIFACTS", "BIND", "PORT"):
    os.environ.pop(_name, None)

from chatops.settings import *  # noqa: E402, F403
from chatops.settings import DATABASES, IS_EMBEDDED, STATIC_ROOT  # noqa: E402

STATIC_ROOT.mkdir()  # whitenoise warns where there is none
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Pages are rendered without collectstatic; the browser tests see the real storage.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if IS_EMBEDDED:
    _options = DATABASES["default"]["OPTIONS"]
    _options["init_command"] = _options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
