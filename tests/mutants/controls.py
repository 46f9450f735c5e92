"""Controls that the product stands on, each as a change that removes it, and the tests that must notice."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """In `path`, the one place that reads `old` is changed to `new`; a test of `tests` then fails."""

    path: str
    old: str
    new: str
    tests: str


MUTANTS = {
    # who may do what
    "a grant reaches every environment": Mutant(
        "deploy_core/rules/grants.py",
        "is_look_at_app or grant.environment in (EVERYWHERE, environment)",
        "True",
        "tests/rules/test_grants.py",
    ),
    "an inactive person keeps their grants": Mutant(
        "deploy_core/safety/access.py",
        "    if not person.is_active:\n        return []\n",
        "",
        "tests/core/test_access.py tests/trust/test_people.py",
    ),
    "one may approve one's own": Mutant(
        "deploy_core/safety/approvals.py",
        "    if by.pk == deployment.requested_by_id:\n",
        "    if False:\n",
        "tests/bot/test_consent.py",
    ),
    "a service is a second person": Mutant(
        "deploy_core/safety/approvals.py",
        "    if is_yes and by.kind == Person.Kind.SERVICE:\n",
        "    if False:\n",
        "tests/bot/test_consent.py",
    ),
    "any second step is fresh": Mutant(
        "deploy_core/safety/proof.py",
        "person.proven is not None and timezone.now() - person.proven <= timedelta(seconds=settings.PROOF_S)",
        "True",
        "tests/trust/test_emergencies.py",
    ),
    "who broke the glass signs the review": Mutant(
        "deploy_core/emergency.py",
        "    if broken.person_id == by.pk:\n",
        "    if False:\n",
        "tests/trust/test_emergencies.py",
    ),
    "the last manager can be taken away": Mutant(
        "chatops/trust/granting.py",
        'if not access.who_can("manage", EVERYWHERE, EVERYWHERE):',
        "if False:",
        "tests/trust/test_people.py",
    ),
    "whoever is in some room runs commands in any": Mutant(
        "chatops/room/authors.py",
        " AND m.room_id = %s AND p.is_active\n",
        " AND %s > 0 AND p.is_active\n",
        "tests/room/test_messages.py -k not_a_member",
    ),
    "names of apps are known to everybody": Mutant(
        "deploy_core/safety/access.py",
        "    WHERE app.name IN (",
        "    WHERE 1 = 1 OR app.name IN (",
        "tests/core/test_access.py",
    ),
    "what was answered before a right went is believed": Mutant(
        "chatops/room/guests.py",
        "        while asked_at != self.words:\n",
        "        while False:\n",
        "tests/room/test_socket.py -k begins_to_follow",
    ),
    "nobody looks when a team or a room shows less": Mutant(
        "chatops/room/apps.py",
        '    if action in ("post_remove", "post_clear"):\n',
        "    if False:\n",
        "tests/room/test_socket.py -k shows_no_more",
    ),
    # who one is
    "a sign-in link works twice": Mutant(
        "chatops/accounts/links.py",
        "not _usable(token).update(used=timezone.now())",
        "False",
        "tests/accounts/test_links.py",
    ),
    "single sign-on believes addresses that nobody verified": Mutant(
        "chatops/accounts/adapters.py",
        " if each.verified and each.email]",
        " if each.email]",
        "tests/accounts/test_single_sign_on.py",
    ),
    "the password alone makes what outlasts the session": Mutant(
        "chatops/accounts/proof.py",
        '    if not is_sure(person, request.session):\n        return where_given(kinds(person), "")\n',
        "",
        "tests/accounts/test_lasting.py",
    ),
    "whoever finds a session types a secret": Mutant(
        "chatops/accounts/proof.py",
        "    if not where:\n        return None\n",
        "    return None\n",
        "tests/fleet/test_secrets.py",
    ),
    "whoever finds a session breaks the glass": Mutant(
        "chatops/trust/emergencies.py",
        "        if asked := proof.wanted(request):\n            return asked\n",
        "",
        "tests/trust/test_emergencies.py",
    ),
    "a code counts twice": Mutant(
        "chatops/accounts/memory.py",
        "        except IntegrityError:\n            return False\n",
        "        except IntegrityError:\n            return True\n",
        "tests/accounts/test_memory.py",
    ),
    "a command is run for a session whose time is over": Mutant(
        "chatops/room/door.py",
        " AND session.expire_date > %s",
        " AND %s IS NOT NULL",
        "tests/room/test_door.py",
    ),
    "a session outlives its end": Mutant(
        "chatops/accounts/visits.py",
        "    Session.objects.filter(session_key=visit.session_key).delete()\n",
        "",
        "tests/accounts/test_account_page.py",
    ),
    # the edges
    "a page of any port is ours": Mutant(
        "chatops/room/door.py",
        "return found.scheme, found.hostname, port or _PORTS[found.scheme]",
        "return found.scheme, found.hostname, 0",
        "tests/room/test_handshake.py",
    ),
    "pages may run inline code": Mutant(
        "chatops/middleware.py",
        '        response.headers.setdefault("Content-Security-Policy", policy)\n',
        "",
        "tests/house/test_headers.py",
    ),
    "bodies have no limit": Mutant(
        "chatops/settings.py",
        '"SHIPROOM_BODY_LIMIT_BYTES", 1024 * 1024)',
        '"SHIPROOM_BODY_LIMIT_BYTES", 1024**4)',
        "tests/room/test_server.py -k body",
    ),
    "a body may drip for ever": Mutant(
        "chatops/server.py",
        "reactor.callLater(settings.BODY_TIMEOUT_S, self._give_up)",
        "reactor.callLater(10**6, self._give_up)",
        "tests/room/test_server.py -k drips",
    ),
    "a proxy is believed whoever it is": Mutant(
        "chatops/proxy.py",
        "settings.IS_PRODUCTION and _is_proxy(peer) and _is_address(forwarded)",
        "_is_address(forwarded)",
        "tests/house/test_headers.py",
    ),
    # the outside world
    "any host key will do": Mutant(
        "deploy_core/reach/ssh/login.py",
        "    if seen.line.split() != server.host_key.split()[:2]:\n",
        "    if False:\n",
        "tests/reach/test_ssh.py -k host_key",
    ),
    "git is asked about revision syntax": Mutant(
        "deploy_core/rules/repository.py",
        "or _NEVER.search(ref) ",
        "",
        "tests/rules/test_repository.py",
    ),
    "repositories are fetched from this machine": Mutant(
        "deploy_core/rules/repository.py",
        "return bool(mapped.is_loopback or",
        "return bool(",
        "tests/rules/test_repository.py",
    ),
    # secrets
    "what was sealed for one row opens in another": Mutant(
        "deploy_core/sealing.py",
        "    if not encoded or said not in (about, None):\n",
        "    about = said or about\n    if not encoded:\n",
        "tests/test_sealing.py",
    ),
    "secrets are not masked over the edges of chunks": Mutant(
        "deploy_core/reach/masking.py",
        "        data = self._shown + self._held + data\n",
        "        data = self._shown + data\n",
        "tests/reach/test_masking.py",
    ),
    "a login's file may be any file": Mutant(
        "deploy_core/reach/references.py",
        "not path.is_absolute() or not real.is_relative_to(allowed) or not real.is_file()",
        "not real.is_file()",
        "tests/reach/test_references.py",
    ),
    "the server starts with the wrong key": Mutant(
        "deploy_core/keyring.py",
        "            sealing.try_open(text)\n",
        "            pass\n",
        "tests/trust/test_keys.py -k named_before",
    ),
    # what happened
    "the audit does not cover what was done": Mutant(
        "deploy_core/ledger/audit.py",
        "        entry.outcome,\n        entry.params,\n",
        "",
        "tests/core/test_audit.py",
    ),
    "a head of the audit needs no key": Mutant(
        "deploy_core/ledger/anchors.py",
        " or (line == newest and not is_ours)]",
        "]",
        "tests/trust/test_audit_page.py",
    ),
    "the audit's head is not held against the rows": Mutant(
        "deploy_core/ledger/anchors.py",
        "        if hashes.get(number) != digest:\n",
        "        if False:\n",
        "tests/trust/test_audit_page.py",
    ),
    "a stale worker writes": Mutant(
        "deploy_core/ledger/journal.py",
        " WHERE id = %s AND epoch = %s",
        " WHERE id = %s AND %s IS NOT NULL",
        "tests/core/test_journal.py tests/core/test_runner.py",
    ),
}
