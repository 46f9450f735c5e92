"""The corruption sweep: what is stored is spoiled, a byte at a time, and the answer is a typed error or the truth.

`make test` spoils every seventh byte, `make soak` every one.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy_core import sealing
from deploy_core.errors import DeployError
from deploy_core.ledger import anchors, audit
from deploy_core.models import AuditEntry, Credential, Manifest, ReleaseCopy
from deploy_core.rules import manifest
from deploy_core.sealing import SealError
from tests import factories
from tests.core.world import World, told

EVERY = 1 if os.environ.get("SHIPROOM_SOAK") else 7


def spoiled(data: bytes) -> Iterator[bytes]:
    """`data` with one byte another one; and cut short."""
    for at in range(0, len(data), EVERY):
        for other in (data[at] ^ 0x01, data[at] ^ 0x80, 0x00):
            if other != data[at]:
                yield data[:at] + bytes((other,)) + data[at + 1 :]
        yield data[:at]


# --- one thing by itself ----------------------------------------------------------------------------------------------
@pytest.fixture
def ring(settings, tmp_path) -> Path:
    settings.SHIPROOM_DATA = tmp_path
    settings.SHIPROOM_KEY_FILE = str(tmp_path / "keys.json")
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    sealing.seal(b"makes it", about="x")
    return tmp_path / "keys.json"


def test_a_key_ring_with_a_wrong_byte_opens_nothing_else(ring):
    text, whole = sealing.seal(b"the secret", about="row:1"), ring.read_bytes()

    for changed in spoiled(whole):
        ring.write_bytes(changed)
        sealing._read.cache_clear()
        with contextlib.suppress(SealError):
            assert sealing.open_(text, about="row:1") == b"the secret"  # a byte that means nothing


def test_a_sealed_text_with_a_wrong_byte_does_not_open(ring):
    text = sealing.seal(b"the secret", about="row:1")

    opened = 0
    for changed in spoiled(text.encode()):
        try:
            assert sealing.open_(changed.decode("latin1"), about="row:1") == b"the secret"
            opened += 1  # base64 has bits that say nothing
        except SealError:
            pass
    assert opened <= 3


def test_a_manifest_with_a_wrong_byte_is_none():
    entries = {b"a/b": manifest.Entry(b"f", b"0" * 64), b"c": manifest.Entry(b"fx", b"1" * 64)}
    whole = manifest.Manifest(entries)

    for changed in spoiled(whole.pack()):
        with contextlib.suppress(manifest.ManifestError):
            assert manifest.unpack(changed) == whole  # a bit of zlib's head that says nothing


@pytest.mark.django_db
def test_a_head_of_the_audit_with_a_wrong_byte_is_noticed_or_means_the_same(settings, tmp_path, ring):
    settings.AUDIT_ANCHORS = str(tmp_path / "heads.jsonl")
    for number in range(3):
        audit.record(None, "act", str(number), "done")
    anchors.drop()
    whole = Path(settings.AUDIT_ANCHORS).read_bytes()
    line = json.loads(whole)

    for changed in spoiled(whole):
        Path(settings.AUDIT_ANCHORS).write_bytes(changed)
        finding = anchors.verify()
        if not finding.why and changed.strip():
            kept = json.loads(changed.decode(errors="replace"))
            same = [name for name in ("number", "hash", "signature") if kept.get(name) == line[name]]
            assert len(same) == 3


@pytest.mark.django_db
def test_every_row_of_the_audit_is_covered_in_every_field():
    for number in range(4):
        audit.record(None, "act", str(number), "done", of="what")
    rows = list(AuditEntry.objects.order_by("number"))
    other = {"action": "other", "target": "other", "outcome": "other", "params": {"of": "other"}, "hash": "1" * 64}
    other |= {"previous_hash": "2" * 64, "actor": factories.person(), "at": rows[0].at.replace(year=2001)}

    for row in rows:
        for field, value in other.items():
            before = getattr(row, field)
            AuditEntry.objects.filter(pk=row.pk).update(**{field: value})
            assert audit.verify().broken_at == row.number, field
            AuditEntry.objects.filter(pk=row.pk).update(**{field: before})
    assert audit.verify().broken_at is None


# --- in a deployment --------------------------------------------------------------------------------------------------
def _a_manifest(world: World) -> None:
    row = Manifest.objects.latest("pk")
    data = bytes(row.packed)
    Manifest.objects.filter(pk=row.pk).update(packed=data[:-9] + bytes((data[-9] ^ 1,)) + data[-8:])


def _an_artifact(world: World) -> None:
    from django.conf import settings

    files = [path for path in Path(settings.SHIPROOM_ARTIFACTS).rglob("*") if path.is_file() and path.stat().st_size]
    assert files
    for path in files:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)


def _a_login(world: World) -> None:
    for row in Credential.objects.all():
        Credential.objects.filter(pk=row.pk).update(sealed=row.sealed[:-12] + "AAAAAAAAAAA=")


def _the_release(world: World) -> None:
    for number in (0, 1):
        release = (world.folder(number) / "current").resolve()
        (release / "version").chmod(0o644)
        (release / "version").write_text("nobody's\n")


@pytest.mark.parametrize(
    "spoil", [_a_manifest, _an_artifact, _a_login, _the_release], ids=lambda each: each.__name__[1:]
)
def test_a_deployment_over_something_spoiled_ends_well_or_with_a_reason(
    world: World,
    spoil: Callable[[World], None],
    caplog: pytest.LogCaptureFixture,
    settings,
    tmp_path: Path,
):
    from bot.phrases import PHRASES

    settings.SHIPROOM_ARTIFACTS = tmp_path / "artifacts"  # what is spoiled here is nobody else's

    first = world.deploy("v1")
    for _ in range(3):  # its health check is impatient, and this machine may be busy
        if first.status == "succeeded":
            break
        first = world.deploy("v1")
    assert first.status == "succeeded", told(first)
    before = [(world.folder(number) / "current").resolve() for number in (0, 1)]
    spoil(world)

    found = None
    with contextlib.suppress(DeployError):
        found = world.deploy("v2")

    if found is not None and found.status == "succeeded":
        assert [(world.folder(n) / "current" / "version").read_text() for n in (0, 1)] == ["2"] * 2, told(found)
    else:
        assert found is None or found.reason in PHRASES, told(found)
        assert [(world.folder(number) / "current").resolve() for number in (0, 1)] == before
    assert "Traceback" not in caplog.text
    assert ReleaseCopy.objects.filter(is_current=True).count() == 2
