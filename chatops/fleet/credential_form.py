"""The form of a way to log in. Secrets are checked and sealed when they are saved, and never shown again."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chatops.fleet.fields import Write
from chatops.fleet.forms import FleetForm
from deploy_core.errors import LoginError
from deploy_core.models import Credential
from deploy_core.reach import credentials, references, ssh

PASSWORD_LIMIT = 1024

#: What a text that is no private key is instead (`ssh.load_key` gives the reason).
WHY_NO_KEY = {
    "empty": _("Paste a private key."),
    "too_large": _("That is too long for a private key."),
    "putty": _("That is a PuTTY key. Export it as an OpenSSH key (puttygen: Conversions), then paste that."),
    "public": _("That is the public half. Paste the private key, which begins with -----BEGIN."),
    "not_a_key": _("That is no private key. One begins with -----BEGIN."),
    "needs_passphrase": _("The passphrase does not open this key."),
    "damaged": _("That key is damaged: a part of it is missing or changed."),
}


class CredentialForm(FleetForm):
    """`pem`, `passphrase` and `password` are only written: empty ones leave what is stored."""

    pem = forms.CharField(
        required=False,
        strip=False,
        label=_("Private key"),
        widget=Write(attrs={"rows": 6, "spellcheck": "false", "placeholder": "-----BEGIN OPENSSH PRIVATE KEY-----"}),
    )
    passphrase = forms.CharField(
        required=False,
        strip=False,
        max_length=PASSWORD_LIMIT,
        label=_("Passphrase"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=PASSWORD_LIMIT,
        label=_("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    codes = frozenset({"pem"})
    parts = (
        (_("Login"), _("Servers refer to it by its name."), ("name", "kind")),
        (
            _("Secret"),
            _("Sealed when saved; nobody reads it back. Or where it is: file:/run/secrets/name, vault:path#field."),
            ("pem", "passphrase", "password"),
        ),
    )

    class Meta:
        model = Credential
        fields = ("name", "kind")
        labels = {"name": _("Name"), "kind": _("Kind")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"] = forms.ChoiceField(
            choices=[("key", _("Key")), ("password", _("Password")), ("agent", _("SSH agent"))],
            widget=forms.RadioSelect,
            label=_("Kind"),
            initial=Credential.Kind.KEY,
            help_text=_("The agent keeps its keys itself; nothing is stored here."),
        )
        self.was = self.instance.kind if self.instance.pk else ""
        if self.was:
            self.fields["pem"].help_text = _("Empty: what is stored stays.")
            self.fields["password"].help_text = _("Empty: what is stored stays.")
        else:
            self.fields["pem"].help_text = _("For the kind Key.")
            self.fields["password"].help_text = _("For the kind Password.")
        self.fields["passphrase"].help_text = _("If the key has one. Sealed with it.")

    def clean_name(self) -> str:
        taken = Credential.objects.exclude(pk=self.instance.pk).values_list("name", flat=True)
        return self.unique_name(taken, _("%(name)s is another login already. Free: %(free)s."))

    def clean(self) -> dict[str, Any]:
        """What the chosen kind needs is there, and is what it should be."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        kind, is_new = given.get("kind"), given.get("kind") != self.was
        is_elsewhere = references.is_one(given.get("pem", ""))
        if kind == Credential.Kind.KEY and (is_new or given.get("pem")) and not is_elsewhere:
            try:
                ssh.load_key(_normal(given.get("pem", "")), given.get("passphrase", ""))
            except LoginError as error:
                reason = str(error.params.get("reason"))
                where = "passphrase" if reason == "needs_passphrase" else "pem"
                self.add_error(where, ValidationError(WHY_NO_KEY.get(reason, WHY_NO_KEY["not_a_key"])))
        if kind == Credential.Kind.PASSWORD and is_new and not given.get("password"):
            self.add_error("password", ValidationError(_("Type the password.")))
        return given

    def save(self, commit: bool = True) -> Credential:
        """Seal what was typed; the row exists first, because a secret is sealed to it."""
        credential: Credential = super().save(commit)
        given = self.cleaned_data
        if credential.kind == Credential.Kind.KEY and given["pem"]:
            credentials.keep_key(credential, _normal(given["pem"]), given["passphrase"])
        elif credential.kind == Credential.Kind.PASSWORD and given["password"]:
            credentials.keep_password(credential, given["password"])
        elif credential.kind == Credential.Kind.AGENT:
            credential.sealed = credential.fingerprint = ""
        credential.save()
        return credential


def _normal(pem: str) -> bytes:
    """As a file would hold it: browsers send lines that end with CR LF, and people paste space around it."""
    text = "\n".join(line.rstrip() for line in pem.strip().splitlines())
    return (text + "\n").encode("utf-8", "replace") if text else b""
