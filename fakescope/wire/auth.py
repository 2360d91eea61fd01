"""Who is asking: from a bearer key and a host to an account in a region."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from fakescope.catalog.spec import Service
from fakescope.engine.task import Account
from fakescope.engine.vendor_error import VendorError
from fakescope.settings import AccountSetting
from fakescope.wire.http import Scope, header

__all__ = ["Caller", "Keys", "account_id", "origin_of"]

_REMEMBERED = 10_000  # keys whose account is not worked out again; a client that invents keys cannot fill the memory


class Caller(NamedTuple):
    """Who is asking, and the scheme and host by which this server was reached, so that result links reach it too."""

    account: Account
    origin: str


def account_id(name: str) -> str:
    """A short name for a key or a configured account that does not give the key away: 16 hexadecimal digits."""
    return blake2b(name.encode(), digest_size=8).hexdigest()


class Keys:
    """Every non-empty key is an account of its own, unless the settings bind it to another or close the server."""

    def __init__(self, service: Service, region: str, accounts: Sequence[AccountSetting], test_values: bool) -> None:
        self._service, self._region = service, region
        self._bound = {key: account for account in accounts for key in account.keys}
        self._closed = any(account.only for account in accounts)
        self._test_keys = service.test_keys if test_values else ()
        self._known: dict[tuple[bytes, bytes, bytes], Caller] = {}

    def caller(self, scope: Scope) -> Caller:
        """Whose request this is. Raises VendorError: no key, a wrong key, a key of another region."""
        authorization = host = proto = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"host":
                host = value
            elif name == b"x-forwarded-proto":
                proto = value
        known = self._known.get((authorization, host, proto))
        if known is not None:
            return known
        caller = Caller(self._account(authorization, host), _origin(scope, host, proto))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[authorization, host, proto] = caller
        return caller

    def _account(self, authorization: bytes, host: bytes) -> Account:
        scheme, _, rest = authorization.decode("latin-1").partition(" ")
        key = rest.strip()
        if not key or scheme.lower() != "bearer":
            if scheme and scheme.lower() != "bearer":
                raise VendorError("invalid_api_key", "Send the header Authorization: Bearer sk-anything.")
            raise VendorError("no_api_key", "Send the header Authorization: Bearer sk-anything; any key works here.")
        region = self._service.region_of_host.get(
            host.decode("latin-1").rsplit(":", 1)[0].rstrip(".").lower(), self._region
        )
        bound = self._bound.get(key)
        if bound is None and self._closed:
            raise VendorError("invalid_api_key", "This server takes only the keys bound in fakescope.toml.")
        if bound is not None and bound.region not in (None, region):
            raise VendorError("invalid_api_key", f"This key belongs to {bound.region}, the request came to {region}.")
        refusal = self._refusal(key)
        if refusal == "invalid_api_key":
            raise VendorError(refusal, "This is the test key for a wrong key; any other key works.")
        # A configured name and a key that happens to be spelled like it are two accounts.
        return Account(account_id(f"account {bound.name}" if bound else key), region, refusal)

    def _refusal(self, key: str) -> str | None:
        for test in self._test_keys:
            if key == test.key or key.startswith(f"{test.key}-"):
                return test.refusal
        return None


def origin_of(scope: Scope) -> str:
    """Scheme and host by which this server was reached."""
    return _origin(scope, header(scope, b"host"), header(scope, b"x-forwarded-proto"))


def _origin(scope: Scope, host: bytes, proto: bytes) -> str:
    server = scope.get("server") or ("127.0.0.1", 80)
    scheme = "https" if proto.strip().lower() == b"https" else scope["scheme"]  # a proxy in front speaks TLS for us
    return f"{scheme}://{host.decode('latin-1') or f'{server[0]}:{server[1]}'}"
