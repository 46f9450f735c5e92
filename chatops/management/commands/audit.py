"""`manage.py audit`: what was done, and whether anybody changed the record of it.

manage.py audit verify                     exit 1 names the first row that was changed, or that is missing
manage.py audit verify --head 812:9f3c…    also against a head that a room was told
manage.py audit export --format csv        every row to stdout (jsonl: one JSON text a line)
manage.py audit anchor                     write a signed head now, not when it is due
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatops.trust import anchoring, export
from deploy_core.ledger import anchors
from deploy_core.management.verbs import verbs_of
from deploy_core.models import AuditEntry

_WHY = {
    "edited": "row {bad} was changed, or a row before it is missing",
    "tail_missing": "rows from {bad} on are missing",
    "head_forged": "a head in the file is not signed by this key ring (row {bad})",
    "head_differs": "row {bad} is not the one whose head was written down",
}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        verify = verbs.add_parser("verify", help="hold the chain against itself and its heads")
        verify.add_argument("--head", default="", help="NUMBER:HASH, as a room was told it")
        out = verbs.add_parser("export", help="every row to stdout")
        out.add_argument("--format", choices=export.FORMATS, default="jsonl")
        verbs.add_parser("anchor", help="write a signed head now")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, verb)(options)

    def verify(self, options: dict[str, Any]) -> None:
        """Exit 0: nobody changed anything; 1: somebody did, and where."""
        found = anchors.verify(head=options["head"])
        if found.why:
            raise CommandError(f"{found.good} rows are good; {_WHY[found.why].format(bad=found.bad or '?')}")
        self.stdout.write(f"{found.good} rows are good; the newest head outside is of row {found.anchored}.")

    def export(self, options: dict[str, Any]) -> None:
        """Every row, the oldest first."""
        rows = AuditEntry.objects.order_by("number").select_related("actor")
        for line in export.lines(rows, options["format"]):
            self.stdout.write(line, ending="")

    def anchor(self, options: dict[str, Any]) -> None:
        """A head now."""
        anchor = anchors.drop()
        if anchor is None:
            self.stdout.write("The newest head is written down already.")
            return
        anchoring.tell(anchor)
        self.stdout.write(f"{anchor.number}:{anchor.hash}")
