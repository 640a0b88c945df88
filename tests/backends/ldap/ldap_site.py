"""Shared by the LDAP tests: the entries of a directory, and configurations that use it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from pathlib import Path

from tests.backends.ldap.slapd import READER_PASSWORD
from tests.helper import Helper, Site

Serve = Callable[..., Helper]
"""Starts a helper whose only backend asks the servers at these URLs."""

CONTEXT = "{CRAM-MD5}f111cc7b82421749194d236defd38cf4c9dd054f72db2e119b2cef9f37f23bdc"
"""doveadm pw -s CRAM-MD5 -p pw9"""


def sid(number: int, domain: int = 1) -> str:
    """Return an objectSid of Active Directory in base64."""
    parts = (21, 1111, 2222, domain, number)
    return base64.b64encode(b"\1\5\0\0\0\0\0\5" + struct.pack("<5I", *parts)).decode()


ENTRIES = f"""\
dn: dc=example
objectClass: domain
dc: example

dn: ou=people,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example
objectClass: organizationalUnit
ou: groups

dn: ou=policies,dc=example
objectClass: organizationalUnit
ou: policies

dn: ou=deeper,ou=people,dc=example
objectClass: organizationalUnit
ou: deeper

dn: ou=elsewhere,ou=people,dc=example
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://127.0.0.1:9/ou=elsewhere,dc=example

dn: cn=default,ou=policies,dc=example
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 0

dn: cn=ageing,ou=policies,dc=example
objectClass: device
objectClass: pwdPolicy
cn: ageing
pwdAttribute: userPassword
pwdMaxAge: 86400
pwdMustChange: TRUE

dn: cn=grace,ou=policies,dc=example
objectClass: device
objectClass: pwdPolicy
cn: grace
pwdAttribute: userPassword
pwdMaxAge: 86400
pwdGraceAuthNLimit: 20

dn: cn=warning,ou=policies,dc=example
objectClass: device
objectClass: pwdPolicy
cn: warning
pwdAttribute: userPassword
pwdMaxAge: 1000000000
pwdExpireWarning: 999999999

dn: cn=reader,dc=example
objectClass: person
cn: reader
sn: reader
userPassword: {READER_PASSWORD}

dn: cn=hashes,dc=example
objectClass: person
cn: hashes
sn: hashes
userPassword: {READER_PASSWORD}

dn: cn=limited,dc=example
objectClass: person
cn: limited
sn: limited
userPassword: {READER_PASSWORD}

dn: cn=mail,ou=groups,dc=example
objectClass: groupOfNames
cn: mail
member: uid=alice,ou=people,dc=example
member: uid=deep,ou=deeper,ou=people,dc=example

dn: cn=mail-old,ou=groups,dc=example
objectClass: groupOfNames
cn: mail-old
member: uid=bob,ou=people,dc=example

dn: cn=domain users,ou=groups,dc=example
objectClass: device
objectClass: extensibleObject
cn: domain users
objectSid:: {sid(513)}

dn: cn=users of another domain,ou=groups,dc=example
objectClass: device
objectClass: extensibleObject
cn: users of another domain
objectSid:: {sid(513, domain=2)}
"""


def person(uid: str, password: str, *, rdn: str = "", ou: str = "", more: str = "") -> str:
    """Return an entry in LDIF."""
    name = f"{rdn or f'uid={uid}'},{ou}ou=people,dc=example"
    return (
        f"\ndn: {name}\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\n"
        f"cn: {uid}\nsn: {uid}\nuid: {uid}\nuserPassword: {password}\n{more}"
    )


LONG_AGO = "pwdChangedTime: 20200101000000Z\n"
PEOPLE = (
    person("alice", "open sesame", more="seeAlso: CN=Mail , OU=groups,dc=EXAMPLE\n")
    + person("bob", "pw9", more="seeAlso: cn=mail-old,ou=groups,dc=example\n")
    + person("sharp", "pw9", more="seeAlso: cn=maß,ou=groups,dc=example\n")
    + person("deep", "pw9", ou="ou=deeper,")
    + person("twin", "pw9")
    + person("twin", "pw9", ou="ou=deeper,")
    + person("a*b", "pw9")
    + person("(odd)", "pw9")
    + person("jürgen", "pässwört")
    + person("latin", "pw9").replace("userPassword: pw9", "userPassword:: 5PbkAQ==")
    + person("comma", "pw9", rdn=r"cn=comma\, plus\+ \#hash \"quoted\"").replace(
        "cn: comma\n", 'cn: comma, plus+ #hash "quoted"\ncn: comma\n'
    )
    + person("hash#", "pw9", rdn=r"cn=\#first").replace("cn: hash#", "cn: #first")
    + person("x+y,z", "pw9", rdn=r"uid=x\2By\2Cz")
    + person("compat", "\u2168")
    + person("locked", "pw9", more="pwdAccountLockedTime: 000001010000Z\n")
    + person(
        "expired", "pw9", more="pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn=ageing,ou=policies,dc=example\n"
    )
    + person("mustchange", "pw9", more="pwdReset: TRUE\npwdPolicySubentry: cn=ageing,ou=policies,dc=example\n")
    + person("grace", "pw9", more=f"{LONG_AGO}pwdPolicySubentry: cn=grace,ou=policies,dc=example\n")
    + person("warned", "pw9", more=f"{LONG_AGO}pwdPolicySubentry: cn=warning,ou=policies,dc=example\n")
    + person("primary", "pw9", more=f"primaryGroupID: 513\nobjectSid:: {sid(1105)}\n")
    + person("guest", "pw9", more=f"primaryGroupID: 514\nobjectSid:: {sid(1106)}\n")
    + person("sha", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")
    + person("clear", "{CLEARTEXT}pw9")
    + person("context", CONTEXT)
    + person(
        "several", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", more=f"userPassword: {CONTEXT}\nuserPassword: {{CLEAR}}pw9\n"
    )
    + person("disabled", "{CLEARTEXT}pw9", more="userAccountControl: 514\n")
    + person("left", "{CLEARTEXT}pw9", more="accountExpires: 132223104000000000\n")
    + person("clearlocked", "{CLEARTEXT}pw9", more="pwdAccountLockedTime: 000001010000Z\n")
    + person("cleargroup", "{CLEARTEXT}pw9", more="seeAlso: cn=mail-old,ou=groups,dc=example\n")
    + person("upn", "pw9", more="userPrincipalName: person.one@ad.example\nsAMAccountName: pone\n")
)


def section(domain: str, *keys: str, servers: str) -> str:
    """Return a [[backend]] section for one domain."""
    common = f'type = "ldap"\nname = "{domain}"\ndomains = ["{domain}.example"]'
    return "\n".join(["[[backend]]", common, f"servers = [{servers}]", "connections = 1", *keys, ""])


READER = 'bind_dn = "cn=reader,dc=example"\nbind_password_file = "reader.secret"'
HASHES = 'bind_dn = "cn=hashes,dc=example"\nbind_password_file = "reader.secret"'
PEOPLE_BY_UID = 'base = "ou=people,dc=example"\nfilter = "(uid={name})"'
BY_UID_IN = 'base = "{}"\nfilter = "(uid={{name}})"'
MAIL = 'required_groups = ["cn=mail,ou=groups,dc=example"]'
BY_ATTRIBUTE = MAIL + '\ngroup_attribute = "seeAlso"'
LOG = '[helper]\nworkers = 1\n[log]\nmail_server_level = "Low Level"\n'


def ldap_site(folder: Path) -> Site:
    """Return a site that has the service account's password file."""
    site = Site(folder)
    site.write("reader.secret", READER_PASSWORD + "\n")
    return site


def check_login(helper: Helper, login: bytes, reply: bytes, reason: str = "") -> None:
    """Check the reply to a login, and a pattern in the log lines of that login."""
    helper.information.clear()
    assert helper.ask(b"1 VRFY " + login) == reply, helper.information
    if reason:
        helper.wait_for_information(reason)
