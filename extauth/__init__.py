"""extauth: the program a CommuniGate Pro mail server asks "is this password right?"."""
