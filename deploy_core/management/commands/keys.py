"""`manage.py keys`: the keys that seal secrets, and changing them.

manage.py keys status          which keys there are, and how many secrets each seals
manage.py keys check           whether everything that is stored opens (serve and worker look at their start too)
manage.py keys add             a new key, not used yet: copy the file to every machine before you rotate
manage.py keys rotate          seal everything with the newest key (a new one, if none waits); safe to run again
manage.py keys retire 1f2e3d4c take a key off the ring that seals nothing any more
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from deploy_core import keyring, sealing
from deploy_core.ledger import anchors, audit
from deploy_core.management.verbs import verbs_of
from deploy_core.sealing import SealError


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        for verb in ("status", "check", "add", "rotate"):
            verbs.add_parser(verb)
        verbs.add_parser("retire").add_argument("key")

    def handle(self, *args: Any, verb: str, key: str = "", **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(*([key] if key else []))
        except SealError as error:
            raise CommandError(told(error)) from error

    def _status(self) -> None:
        """One line per key."""
        primary, ring = sealing.key_ids()
        counted = keyring.count()
        for key in ring:
            self.stdout.write(f"{key}  {counted.pop(key, 0)} secrets{'  in use' if key == primary else ''}")
        for key, number in counted.items():
            self.stdout.write(f"{key or '(not sealed)'}  {number} secrets  NOT ON THE RING")

    def _check(self) -> None:
        """Everything opens, or exit 1."""
        keyring.check()
        self.stdout.write(f"{keyring.count().total()} secrets open")

    def _add(self) -> None:
        """One more key."""
        key = sealing.add_key()
        audit.record(None, "keys.add", key, "done")
        self.stdout.write(f"{key} is on the ring; {sealing.file()} goes to every machine now, then `keys rotate`")

    def _rotate(self) -> None:
        """Everything under the newest key."""
        key, number = keyring.rotate()
        audit.record(None, "keys.rotate", key, "done", count=number)
        anchors.drop()  # the newest head of the audit is always signed with a key that stays
        self.stdout.write(f"{number} secrets are sealed with {key} now")

    def _retire(self, key: str) -> None:
        """One key less."""
        keyring.retire(key)
        audit.record(None, "keys.retire", key, "done")
        self.stdout.write(f"{key} is off the ring")


def told(error: SealError) -> str:
    """What is wrong with the keys or with what they seal, and what to do."""
    words = {
        "not_sealed": "{row} holds its secret in clear. Save it again on its page, or remove it.",
        "key_missing": "A secret needs the key {key}, which is not in {file}. Put back the file that has it.",
        "sealed_otherwise": "A secret ({about}) does not open: another key has its key's name, or it was changed.",
        "sealed_of_old": "A secret was sealed by an older version (key {key}). Save it again on its page, then rotate.",
        "key_in_use": "{key} is in use: {count} secrets need it. Run `manage.py keys rotate` first.",
        "key_file_missing": "The key file {file} is not there. Put back the one that sealed what is stored.",
        "key_file_unreadable": "The key file {file} cannot be read: {problem}.",
        "key_file_open": "Others may read the key file {file} (mode {mode}): chmod 600 it.",
        "key_file_wrong": "{file} is no key ring.",
    }
    return words.get(error.code, str(error)).format_map({name: str(value) for name, value in error.params.items()})
