"""The required groups: whether an account's entry is in all of them."""

from __future__ import annotations

from extauth.backends.ldap.directory import LdapSession
from extauth.backends.ldap.filters import ANY_ENTRY, SearchFilter, parse_filter
from extauth.backends.ldap.messages import LdapEntry, encode_attributes, encode_search
from extauth.backends.ldap.names import parse_dn, values_of
from extauth.backends.ldap.result_codes import NO_SUCH_OBJECT, SUCCESS, search_problem
from extauth.errors import TemporaryFailure
from extauth.model import Account

_PRIMARY_GROUP, _SID = "primaryGroupID", "objectSid"
_NO_ATTRIBUTES = encode_attributes([])
_GROUP_NUMBER = 4  # bytes at the end of an objectSid; those before it name the domain


class RequiredGroups:
    """Compares the entry's `attribute` with the names of the groups, or searches the groups with `filter`.

    Active Directory does not list the primary group in memberOf. The entry has its number instead.
    """

    def __init__(self, groups: tuple[str, ...], attribute: str, filter: SearchFilter | None) -> None:
        self._groups = {group: parse_dn(group) for group in groups}
        self._attribute = attribute
        self._filter = filter
        self._has_primary = attribute.lower() == "memberof"

    def attributes(self) -> tuple[str, ...]:
        """Return the attributes of an account's entry that `missing` needs."""
        if not self._groups or self._filter is not None:
            return ()
        return (self._attribute, _PRIMARY_GROUP, _SID) if self._has_primary else (self._attribute,)

    async def missing(self, session: LdapSession, entry: LdapEntry, account: Account) -> str | None:
        """Return a group that the entry is not in, or None if it is in all.

        Raises TemporaryFailure if a search fails, and ServerUnavailable.
        """
        for group in self._groups:
            if self._filter is not None:
                filter = self._filter.encode({**values_of(account), "dn": entry.dn})
                is_in = await _matches(session, group, filter)
            else:
                is_in = await self._is_member(session, entry, group)
            if not is_in:
                return group
        return None

    async def _is_member(self, session: LdapSession, entry: LdapEntry, group: str) -> bool:
        values = entry.attributes.get(self._attribute.lower(), [])
        if self._groups[group] in [parse_dn(value.decode(errors="replace")) for value in values]:
            return True
        if any(name.startswith(f"{self._attribute.lower()};range=") for name in entry.attributes):
            # Active Directory sends at most 1500 values, so let it compare
            return await _matches(session, entry.dn, parse_filter(f"({self._attribute}={{dn}})").encode({"dn": group}))
        return self._has_primary and await _is_primary_group(session, entry, group)


async def _matches(session: LdapSession, dn: str, filter: bytes) -> bool:
    result = await session.search(encode_search(dn, "base", filter, _NO_ATTRIBUTES))
    if result.code != SUCCESS:
        raise TemporaryFailure(search_problem(result, dn, anonymous=session.is_anonymous))
    return len(result.entries) == 1


async def _is_primary_group(session: LdapSession, entry: LdapEntry, group: str) -> bool:
    """Return whether the group has the number that the entry names, and is of the same domain."""
    number, sid = _first(entry, _PRIMARY_GROUP), _first(entry, _SID)
    if not number.isdigit() or len(sid) <= _GROUP_NUMBER or int(number) >> 8 * _GROUP_NUMBER:
        return False
    result = await session.search(encode_search(group, "base", ANY_ENTRY.encode({}), encode_attributes([_SID])))
    if result.code not in (SUCCESS, NO_SUCH_OBJECT):
        raise TemporaryFailure(search_problem(result, group, anonymous=session.is_anonymous))
    wanted = sid[:-_GROUP_NUMBER] + int(number).to_bytes(_GROUP_NUMBER, "little")
    return [_first(found, _SID) for found in result.entries] == [wanted]


def _first(entry: LdapEntry, attribute: str) -> bytes:
    return entry.attributes.get(attribute.lower(), [b""])[0]
