"""The test process itself: it never touches the data of an installation."""

import os
from pathlib import Path

from django.conf import settings

from tests import factories


def test_tests_have_a_data_folder_of_their_own():
    assert Path(settings.ROOT) not in Path(settings.SHIPROOM_DATA).parents
    assert os.environ["SHIPROOM_DATA"] == str(settings.SHIPROOM_DATA)


def test_programs_that_tests_start_read_the_real_settings():
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "chatops.settings"


def test_factories_make_a_room_that_follows_an_app_on_servers(db):
    alice = factories.person("alice", role="deployer")
    shop = factories.app("shop")
    factories.environment(shop, "staging", servers=(factories.server(), factories.server()))

    room = factories.room("demo", members=(alice,), apps=(shop,))

    assert room.default_app == shop
    assert list(room.members.all()) == [alice]
    assert shop.environments.get().servers.count() == 2
