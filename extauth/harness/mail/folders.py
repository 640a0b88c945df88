"""The mailboxes of an account by their names. POP and SMTP know only INBOX."""

from __future__ import annotations

from extauth.harness.mail.mailbox import Mailbox, Storage

INBOX = "INBOX"
SEPARATOR = "/"
_MAX_MAILBOXES = 100
_MAX_NAME = 200  # characters
_MAX_SUBSCRIBED = 1_000


class FolderError(Exception):
    """A mailbox cannot be created, deleted or renamed."""


class Folders:
    """The mailboxes of an account. INBOX always exists. A mailbox `a/b` never exists without `a`.

    subscribed: the names that the client wants to see
    """

    def __init__(self) -> None:
        self._storage = Storage()
        self.inbox = Mailbox(self._storage)
        self.subscribed = {INBOX}
        self._mailboxes = {INBOX: self.inbox}

    @property
    def names(self) -> list[str]:
        """The names of the mailboxes, sorted."""
        return sorted(self._mailboxes)

    def find(self, name: str) -> Mailbox | None:
        """Return the mailbox with this name."""
        return self._mailboxes.get(name)

    def has_below(self, name: str) -> bool:
        """Return True if there are mailboxes below this one."""
        return any(other.startswith(name + SEPARATOR) for other in self._mailboxes)

    def subscribe(self, name: str) -> None:
        """Add a name to those that the client wants to see. Raises FolderError."""
        if len(self.subscribed) >= _MAX_SUBSCRIBED:
            raise FolderError(f"at most {_MAX_SUBSCRIBED} mailboxes can be subscribed")
        self.subscribed.add(name)

    def create(self, name: str) -> None:
        """Create a mailbox, and those above it. A separator at the end is ignored. Raises FolderError."""
        name = self._free_name(name)
        above = name.split(SEPARATOR)
        for depth in range(1, len(above) + 1):
            self._mailboxes.setdefault(SEPARATOR.join(above[:depth]), Mailbox(self._storage))

    def delete(self, name: str) -> None:
        """Delete a mailbox with its messages. Raises FolderError."""
        if name == INBOX:
            raise FolderError("INBOX cannot be deleted")
        if self.has_below(name):
            raise FolderError("delete the mailboxes below it first")
        mailbox = self._existing(name)
        del self._mailboxes[name]
        mailbox.remove(mailbox.messages(None))

    def rename(self, old: str, new: str) -> None:
        """Rename a mailbox and those below it. Of INBOX, move the messages (RFC 3501, section 6.3.5).

        Raises FolderError.
        """
        mailbox = self._existing(old)
        new = new.removesuffix(SEPARATOR)
        if old == INBOX:
            self.create(new)
            messages = mailbox.messages(None)
            mailbox.remove(messages)
            for message in messages:
                self._mailboxes[new].append(message.content, message.flags, message.received)
            return
        if new.startswith(old + SEPARATOR):
            raise FolderError("the new name is below the old one")
        self.create(new)
        for name in self.names:
            if name == old or name.startswith(old + SEPARATOR):
                self._mailboxes[new + name[len(old) :]] = self._mailboxes.pop(name)

    def _existing(self, name: str) -> Mailbox:
        mailbox = self.find(name)
        if mailbox is None:
            raise FolderError("no such mailbox")
        return mailbox

    def _free_name(self, name: str) -> str:
        name = name.removesuffix(SEPARATOR)
        if name in self._mailboxes:
            raise FolderError("the mailbox already exists")
        if not all(name.split(SEPARATOR)) or set(name) & set("*%") or len(name) > _MAX_NAME:
            raise FolderError("this name is not possible")
        if len(self._mailboxes) + name.count(SEPARATOR) >= _MAX_MAILBOXES:
            raise FolderError(f"an account has at most {_MAX_MAILBOXES} mailboxes")
        return name
