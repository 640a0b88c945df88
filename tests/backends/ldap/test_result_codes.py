"""The verdict for each result of a bind and of a search."""

from __future__ import annotations

import re

from tests.backends.ldap.ldap_servers import BIND, BIND_RESPONSE, SEARCH, SEARCH_DONE, Responder, found, result
from tests.backends.ldap.ldap_site import PEOPLE_BY_UID, Serve, check_login

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'
AD = "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data {}, v3839"


RESULTS_OF_A_BIND = [
    (49, "", NEGATIVE, "49 invalidCredentials"),
    (49, AD.format("525"), NEGATIVE, "no such user"),
    (49, AD.format("52e"), NEGATIVE, "52e"),
    (49, AD.format("530"), NEGATIVE, "logon hours"),
    (49, AD.format("531"), NEGATIVE, "may not log on from here"),
    (49, AD.format("532"), NEGATIVE, "password expired"),
    (49, AD.format("533"), NEGATIVE, "account disabled"),
    (49, AD.format("701"), NEGATIVE, "account expired"),
    (49, AD.format("773"), NEGATIVE, "must be changed"),
    (49, AD.format("775"), NEGATIVE, "account locked"),
    (49, AD.format("9999"), TEMPORARY, "unknown sub-code 9999"),
    (19, "", NEGATIVE, "19 constraintViolation"),
    (32, "", NEGATIVE, "32 noSuchObject"),
    (48, "", NEGATIVE, "48 inappropriateAuthentication"),
    (53, "", NEGATIVE, "53 unwillingToPerform"),
    (8, "", TEMPORARY, "requires TLS"),
    (10, "", TEMPORARY, "does not follow"),
    (13, "", TEMPORARY, "requires TLS"),
    (50, "", TEMPORARY, "insufficientAccessRights"),
    (51, "", TEMPORARY, "51"),
    (52, "", TEMPORARY, "52"),
    (80, "something", TEMPORARY, "80 something"),
    (123, "", TEMPORARY, ""),
]
NOT_ANONYMOUSLY = "the anonymous search in ou=people,dc=example returned {}.*; perhaps the directory requires bind_dn"


def test_verdict_for_each_bind_result(serve: Serve) -> None:
    def respond(tag: int, operation: bytes) -> list[bytes]:
        case = re.search(rb"case(\d+)\.", operation)
        code, message = RESULTS_OF_A_BIND[int(case[1])][:2] if case else (0, "")
        return [result(BIND_RESPONSE, code, message)] if tag == BIND else []

    server = Responder(respond)
    helper = serve(server.url, keys=AS_NAMED)
    for number, (_, _, reply, reason) in enumerate(RESULTS_OF_A_BIND):
        check_login(helper, b"case%d.@x.example pw9" % number, reply, f"account=case{number}\\.@.*{reason}")
    server.close()


RESULTS_OF_A_SEARCH = [
    ([found(""), result(SEARCH_DONE, 0)], NEGATIVE, "has no name"),
    ([found(b"cn=\xff"), result(SEARCH_DONE, 0)], NEGATIVE, "has no name"),
    ([found(b"cn=\xff"), found("cn=a"), result(SEARCH_DONE, 0)], NEGATIVE, "more than one"),
    ([result(SEARCH_DONE, 0)], NEGATIVE, "no entry"),
    ([found("cn=a"), found("cn=b"), result(SEARCH_DONE, 4)], NEGATIVE, "more than one"),
    ([found("cn=a"), result(SEARCH_DONE, 4)], NEGATIVE, "more than one"),
    ([result(SEARCH_DONE, 4)], TEMPORARY, "the search in ou=people,dc=example returned 4"),
    ([found("cn=a"), result(SEARCH_DONE, 11)], TEMPORARY, "the search in ou=people,dc=example returned 11"),
    ([found("cn=a"), result(SEARCH_DONE, 3)], TEMPORARY, "the search in ou=people,dc=example returned 3"),
    ([result(SEARCH_DONE, 1, "a successful bind must be completed")], TEMPORARY, NOT_ANONYMOUSLY.format(1)),
    ([result(SEARCH_DONE, 8)], TEMPORARY, NOT_ANONYMOUSLY.format(8)),
    ([result(SEARCH_DONE, 32)], TEMPORARY, NOT_ANONYMOUSLY.format(32)),
    ([result(SEARCH_DONE, 50)], TEMPORARY, NOT_ANONYMOUSLY.format(50)),
    ([b"\x65\x03abc"], TEMPORARY, ""),
    ([b"garbage"], TEMPORARY, ""),
]


def test_verdict_for_each_search_result(serve: Serve) -> None:
    def respond(tag: int, operation: bytes) -> list[bytes]:
        case = re.search(rb"case(\d+)\.", operation)
        if tag == SEARCH and case:
            return RESULTS_OF_A_SEARCH[int(case[1])][0]
        return [result(BIND_RESPONSE, 49 if b"pw9" in operation else 0)] if tag == BIND else []

    server = Responder(respond)
    helper = serve(server.url, keys=PEOPLE_BY_UID)
    for number, (_, reply, reason) in enumerate(RESULTS_OF_A_SEARCH):
        check_login(helper, b"case%d.@x.example pw9" % number, reply, f"account=case{number}\\.@.*{reason}")
    server.close()
