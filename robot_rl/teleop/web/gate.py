"""Who may come in: the address that is listened at, the token, and the page that asks."""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from robot_rl.errors import TeleopError

LEAST_TOKEN = 16
"""Characters of a token that somebody chooses."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, a name or an address."""
    if host.lower() == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return False


class Gate:
    """Checks visitors of a server that listens at one host."""

    def __init__(self, host: str, token: str | None) -> None:
        """Make a token where one is needed and none is given.

        Raises TeleopError for one that can be guessed.
        """
        self.exposed = not is_loopback(host)
        if token is None and self.exposed:
            token = secrets.token_urlsafe(18)
        if token is not None and not (len(token) >= LEAST_TOKEN and token.isascii()):
            raise TeleopError(
                f'A token needs at least {LEAST_TOKEN} ASCII characters, got {len(token)}. '
                'Give a longer one, or none to have one made.'
            )
        self.token = token
        """What a visitor must know; None on this machine alone."""

    def knows(self, token: str) -> bool:
        """Whether `token` is the right one; takes equally long for all that are wrong."""
        if self.token is None:
            return True
        return secrets.compare_digest(token.encode(errors='replace'), self.token.encode())

    def trusts(self, origin: str | None, host: str | None) -> bool:
        """Whether a connection comes from our own page.

        `origin` and `host` are the headers. A browser that another site has sent here names that
        site as the origin. One that was told that the site's name means this machine names it as
        the host too, so on this machine the host must be this machine.
        """
        if not origin or not host:
            return False
        try:
            page, here = urlsplit(origin), urlsplit(f'//{host}')
            same = page.scheme in ('http', 'https') and page.netloc.lower() == host.lower()
            return same and (self.exposed or is_loopback(here.hostname or ''))
        except ValueError:
            return False
