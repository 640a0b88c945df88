"""Keys of the accounts file, by the names that the mail server gives them in its CLI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from extauth.harness.mail.accounts import AccountSettings
from extauth.harness.mail.server_settings import FAILED_LOGIN_FLOW, ON_PROVISION, ON_UNKNOWN
from extauth.protocol.data_format import Value

_SWITCHES = {
    "UseAppPassword": "use_own_password",
    "UseSysPassword": "use_os_password",
    "UseExtPassword": "use_external_password",
    "RequireAPOP": "secure_method_required",
}
_ENCRYPTION = "PasswordEncryption"
_ENCRYPTIONS = {"clear": "clear", "A-crpt": "clear", "U-crpt": "crypt"}  # A-crpt is reversible, as clear text is
_NAMES = {"clear": "clear", "crypt": "U-crpt"}

PASSWORD = "Password"  # noqa: S105  # the name of a setting
"""The setting that sets the own password."""

ACCOUNT_SETTINGS = frozenset({*_SWITCHES, _ENCRYPTION, PASSWORD})
"""The settings of an account that have an effect."""


def by_server_names(settings: Mapping[str, Any]) -> dict[str, Value]:
    """Return keys of the accounts file by the names of the mail server: `use_os_password` is `UseSysPassword`."""
    named: dict[str, Value] = {
        name: "YES" if settings[key] else "NO" for name, key in _SWITCHES.items() if key in settings
    }
    if "password_encryption" in settings:
        named[_ENCRYPTION] = _NAMES[settings["password_encryption"]]
    return named


def with_named(defaults: AccountSettings, named: Mapping[str, Value]) -> AccountSettings:
    """Return `defaults`, changed by the settings in `named`. Other names than those of passwords change nothing.

    Raises ValueError for a value that the setting cannot have.
    """
    changes: dict[str, Any] = {}
    for name, value in named.items():
        if name in _SWITCHES:
            if value not in ("YES", "NO"):
                raise ValueError(f"{name} must be YES, NO or default")
            changes[_SWITCHES[name]] = value == "YES"
        elif name == _ENCRYPTION:
            if not isinstance(value, str) or value not in _ENCRYPTIONS:
                raise ValueError(f"{name} must be {', '.join(_ENCRYPTIONS)} or default")
            changes["password_encryption"] = _ENCRYPTIONS[value]
    return msgspec.structs.replace(defaults, **changes)


def domain_settings(settings: Mapping[str, Any]) -> dict[str, Value]:
    """Return keys of a domain in the accounts file by the names of the mail server. Other keys are left out."""
    named: dict[str, Value] = {
        name: "YES" if settings[key] else "NO"
        for name, key in ((ON_UNKNOWN, "external_on_unknown"), (ON_PROVISION, "external_on_provision"))
        if key in settings
    }
    if "failed_login_flow" in settings:
        named[FAILED_LOGIN_FLOW] = [str(value) for value in settings["failed_login_flow"]]
    return named
