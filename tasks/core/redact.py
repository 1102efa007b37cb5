"""Addresses as they may be shown and kept: without the passwords and keys in them."""

import re

_HIDDEN = "***"
_USER = re.compile(r"(?<=://)[^\s/?#]*@")
"""User and password as they should be written; a password may hold an @."""
_ODD_USER = re.compile(r"(?<=://)[^\s/?#@:]+:(?!\d+[/?#])\S*@")
"""The same with a / ? or # in the password, which should have been written as %2F and so on: rather
hide too much."""
_SECRETS = re.compile(
    r"([?&][^=&\s]*(?:password|passwd|secret|token|signature|sig|credential|accesskeyid|api_?key)[^=&\s]*=)[^&#\s'\"]+",
    re.IGNORECASE,
)
"""Of a query, e.g. those of a signed link."""


def redact(text: str) -> str:
    """`text`, whose addresses hold no user, password or signature any more."""
    # The odd form first: of `user:a@b/c@host` the other one would hide what stands before the first
    # @, and show the rest of the password.
    for pattern in (_ODD_USER, _USER):
        text = pattern.sub(f"{_HIDDEN}@", text)
    return _SECRETS.sub(rf"\1{_HIDDEN}", text)


def redact_address(given: str) -> str:
    """One address, perhaps a wrong one: whatever stands before an @ is hidden."""
    scheme, separator, rest = (
        given.rpartition("://") if given.count("://") == 1 else ("", "", given)
    )
    before, at, host = rest.rpartition("@")
    return redact(f"{scheme}{separator}{_HIDDEN if before else ''}{at}{host}")
