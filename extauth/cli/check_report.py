"""What `extauth check` finds: mistakes, warnings, and domains whose accounts cannot log in."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from extauth.chain import Chain, ConfiguredBackend
from extauth.cli.check_site import MANIFESTO, Findings, manifesto_problem
from extauth.cli.loading import load_chain, protect_process
from extauth.config import Config, HelperSettings
from extauth.errors import ConfigError, UnexpectedError
from extauth.protocol.replies import one_line
from extauth.trust.permissions import shown_user
from extauth.workers.log_destinations import log_problems
from extauth.workers.pid_file import check_pid_file
from extauth.workers.run_directory import check_run_directory

_SHADOW = "/etc/shadow"
_OTHERS = "domains that no [[backend]] names"


class CheckReport(logging.Handler):
    """Loads and tries everything. `shows`: print what it finds at once. `accounts`: accounts to look up."""

    def __init__(self, config_file: Path, *, shows: bool, accounts: Iterable[str] = ()) -> None:
        super().__init__()
        self._config_file = config_file
        self._shows = shows
        self._accounts = accounts
        self.mistakes: list[str] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.domains_without_login: list[str] = []
        self.creates_no_accounts = False
        self._mechanisms: tuple[str, ...] = ()

    def run(self) -> None:
        """Check everything. Records of backends are a part of it."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(logging.INFO)
        try:
            for text in protect_process():
                self._warn(text)
            config, chain = load_chain(self._config_file)
            chain.load()
        except ConfigError as error:
            self._refuse(error.problems)
        except UnexpectedError as error:
            self._refuse([str(error)])
        else:
            self._try_out(config, chain)

    def run_for_findings(self) -> Findings:
        """Check everything. Return what was found."""
        self.run()
        return self.findings

    @property
    def findings(self) -> Findings:
        """What was found."""
        return Findings(self.mistakes, self.warnings, self.domains_without_login)

    def check_manifesto(self, base_directory: Path) -> None:
        """Check whether the mail server may start this program."""
        problem = manifesto_problem(base_directory)
        if problem is None:
            self._note(f"{base_directory / MANIFESTO}: lists this program")
        else:
            self._warn(problem)

    def add_user(self, name: str, found: Findings) -> None:
        """Add what another user's check has found, and this one has not."""
        others = found.less(self.findings)
        if others == Findings():
            self._note(f"as user {name}: the same")
        self._refuse([f"as user {name}: {text}" for text in others.mistakes])
        for text in others.warnings:
            self._warn(f"as user {name}: {text}")
        for domain in others.domains_without_login:
            self.domains_without_login.append(domain)
            if self._shows:
                print(f"as user {name}: no account of {domain} can log in")

    def status(self, *, strict: bool) -> int:
        """Return the exit status."""
        if self.mistakes:
            return 1
        if self.domains_without_login or self.creates_no_accounts:
            return 3
        return 4 if strict and self.warnings else 0

    def as_json(self, *, strict: bool) -> str:
        """Return everything as one JSON object."""
        report = {
            "configuration": one_line(str(self._config_file)),
            "mistakes": self.mistakes,
            "domains_without_login": self.domains_without_login,
            "creates_no_accounts": self.creates_no_accounts,
            "warnings": self.warnings,
            "notes": self.notes,
            "mechanisms": self._mechanisms,
            "status": self.status(strict=strict),
        }
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of a backend."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):
            text = "a log record whose arguments do not fit its text"
        if record.levelno >= logging.WARNING:
            self._warn(text)
        else:
            self._note(text)

    def _note(self, text: str) -> None:
        self._show(self.notes, text)

    def _warn(self, text: str) -> None:
        self._show(self.warnings, text)

    def _show(self, texts: list[str], text: str) -> None:
        texts.append(one_line(text))
        if self._shows:
            print(texts[-1])

    def _refuse(self, problems: list[str]) -> None:
        mistakes = list(map(one_line, problems))
        self.mistakes += mistakes
        if self._shows:
            for mistake in mistakes:
                print(f"extauth: {mistake}", file=sys.stderr)

    def _try_out(self, config: Config, chain: Chain) -> None:
        for problem in log_problems(config.log):
            self._warn(f"{config.file}: {problem}: this log would not be written")
        without_login = {}
        for backend in chain.backends:
            self._note(backend.describe())
            without_login[backend.name] = backend.self_test()
        self._mechanisms = config.sasl.mechanisms
        self._note(f"mechanisms: {', '.join(self._mechanisms) or 'none'}")
        self._check_mechanisms(chain)
        domain = config.accounts.default_domain
        if domain is not None and not chain.backends_of(domain):
            self._warn(f"{config.file}: default_domain = {domain!r}: no backend serves this domain")
        self._check_domains(chain, without_login)
        if chain.provisioner is not None:
            self._check_provisioner(chain.provisioner)
        if chain.handover_account is not None:
            self._check_handover(chain.handover_account)
        self._check_setuid(config)
        self._check_administration(config.helper)
        for account in self._accounts:
            self._look_up(config, chain, account)

    def _look_up(self, config: Config, chain: Chain, account: str) -> None:
        from extauth.cli.check_account import look_up_account  # here because it imports asyncio

        notes, warnings = look_up_account(config, chain, account)
        for text in notes:
            self._note(text)
        for text in warnings:
            self._warn(text)

    def _check_mechanisms(self, chain: Chain) -> None:
        """Warn about mechanisms that no account can use, if all backends know that."""
        known = [backend.usable_mechanisms() for backend in chain.backends]
        if any(each is None for each in known):
            return
        useless = [name for name in self._mechanisms if not any(name in (each or ()) for each in known)]
        if useless:
            self._warn(
                f"no account can use {' or '.join(useless)}: no password is stored in clear text; "
                "switch that off at the mail server, and remove it from sasl.mechanisms"
            )

    def _check_domains(self, chain: Chain, without_login: dict[str, frozenset[str] | None]) -> None:
        """Find the domains where no backend lets an account in. `without_login`: None for a backend that fails."""
        for domain in chain.domains:
            backends = [backend for backend in chain.backends_of(domain) if not backend.emergency]
            failing = [each for each in backends if (found := without_login[each.name]) is None or domain in found]
            if failing and failing == backends:
                self.domains_without_login.append(domain or _OTHERS)
        for domain in self.domains_without_login:
            if self._shows:
                print(f"no account of {domain} can log in")

    def _check_provisioner(self, provisioner: ConfiguredBackend) -> None:
        self.creates_no_accounts = provisioner.self_test() is None
        if self.creates_no_accounts and self._shows:
            print("[provision] cannot create accounts")

    def _check_handover(self, account: ConfiguredBackend) -> None:
        if account.self_test() is None:
            self._warn("[handover] cannot set passwords")

    def _check_administration(self, helper: HelperSettings) -> None:
        """Warn about a folder of the status socket, or a pid file, that serve would not use."""
        try:
            if helper.run_directory is not None and helper.run_directory.exists():
                check_run_directory(helper.run_directory, [os.geteuid()])
        except (ConfigError, OSError) as error:
            self._warn(f"helper.run_directory: {error}; until then extauth status does not work")
        try:
            if helper.pid_file is not None:
                check_pid_file(helper.pid_file)
        except (ConfigError, OSError) as error:
            self._warn(f"helper.pid_file: {error}; until then it is not written")

    def _check_setuid(self, config: Config) -> None:
        """Say whether backends may start setuid programs, and warn if PAM is likely to need one."""
        allowed = config.helper.allow_setuid
        self._note(
            f"setuid programs: {'allowed' if allowed else 'not allowed'} (helper.allow_setuid = {str(allowed).lower()})"
        )
        uses_pam = any(backend.type == "pam" for backend in config.backends)
        if uses_pam and not allowed and os.geteuid() != 0 and not os.access(_SHADOW, os.R_OK):
            self._warn(
                f"{shown_user(os.geteuid())} cannot read {_SHADOW}, and pam_unix cannot start its setuid program "
                "unix_chkpwd: if your PAM service needs it, set helper.allow_setuid = true"
            )
