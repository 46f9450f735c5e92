"""Every row that holds something sealed: looked at when the server starts, and sealed anew when a key is changed.

Where a model keeps a sealed text, the field is called `sealed`; the second steps of people keep theirs inside `data`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models

from deploy_core import sealing
from deploy_core.sealing import SealError

#: Of models that are not ours: the JSON field that holds sealed texts among others.
_OTHERS = {"mfa.authenticator": "data"}
BATCH = 200


def texts() -> Iterator[tuple[models.Model, str, str]]:
    """Row, field (or key inside its JSON) and text of everything that should be sealed."""
    for model in apps.get_models():
        if any(field.name == "sealed" for field in model._meta.concrete_fields):
            for row in model._base_manager.exclude(sealed="").order_by("pk").iterator(chunk_size=BATCH):
                yield row, "sealed", getattr(row, "sealed")  # noqa: B009  not every model has one
        elif (name := _OTHERS.get(model._meta.label_lower)) is not None:
            for row in model._base_manager.order_by("pk").iterator(chunk_size=BATCH):
                told: dict[str, Any] = getattr(row, name)
                yield from ((row, key, text) for key, text in told.items() if key in ("secret", "seed"))


def count() -> Counter[str]:
    """How many texts each key seals, by its id; "" counts those that are not sealed at all."""
    return Counter(sealing.key_of(text) for _, _, text in texts())


def check() -> None:
    """Look whether all that is stored can be used.

    Raises:
        SealError: the ring cannot be read; `key_missing`; `not_sealed`: a row holds its secret in clear;
            `sealed_otherwise`: the key of that name is another one.
    """
    _, ring = sealing.key_ids()
    tried: set[str] = set()
    for row, field, text in texts():
        key = sealing.key_of(text)
        where = f"{row._meta.label} {row.pk} {field}"
        if not key:
            raise SealError("not_sealed", row=where)
        if key not in ring:
            raise SealError("key_missing", key=key, file=sealing.file())
        if key not in tried:
            tried.add(key)
            sealing.try_open(text)


def rotate() -> tuple[str, int]:
    """Seal everything with the newest key that is not in use yet, or with a new one. Its id, and how many texts.

    May be killed and run again: what is done is done, and each row is changed only if it is what was read.

    Raises:
        SealError: a text does not open; those before it are done.
    """
    primary, ring = sealing.key_ids()
    used = count()
    unfinished = any(key != primary for key in used if key)
    if not unfinished:
        newest = ring[-1] if ring[-1] != primary and not used[ring[-1]] else sealing.add_key()
        sealing.use_key(newest)
        primary = newest
    done = 0
    for row, field, text in list(texts()):
        if sealing.key_of(text) != primary:
            done += _replace(row, field, text, sealing.reseal(text))
    return primary, done


def retire(key: str) -> None:
    """Take a key off the ring.

    Raises:
        SealError: `key_in_use`, with how many texts need it; `key_missing`.
    """
    primary, _ = sealing.key_ids()
    left = count()[key]
    if left or key == primary:
        raise SealError("key_in_use", key=key, count=left)
    sealing.drop_key(key)


def _replace(row: models.Model, field: str, old: str, new: str) -> int:
    mine = row._meta.model._base_manager.filter(pk=row.pk)
    if field == "sealed":
        return mine.filter(sealed=old).update(sealed=new)
    name = _OTHERS[row._meta.label_lower]
    told = mine.values_list(name, flat=True).get()
    return mine.filter(**{f"{name}__{field}": old}).update(**{name: told | {field: new}})
