"""What people are called elsewhere: learnt from the doors that know, which the bot does not."""

from collections.abc import Callable

from deploy_core.models import Person

#: The accounts of a person in one place, as people read them (`U024BE7LH in Acme (Slack)`).
Find = Callable[[Person], list[str]]
_finds: dict[str, Find] = {}


def learn(place: str, find: Find) -> None:
    """From now on `find` is asked for the accounts in a place."""
    _finds[place] = find


def accounts_of(person: Person) -> list[str]:
    """All accounts of a person elsewhere, place by place."""
    return [account for place in sorted(_finds) for account in _finds[place](person)]
