"""One daemon's address, the key to it, and the connections there: every HTTP exchange of the client passes here."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any

import httpx
import trio

from revaer.client.errors import ClientError, InvalidAddress, InvalidParam, Problem, ProblemDocument, Unreachable

STREAM_IDLE_SECONDS = 65.0
"""A stream without a byte for this long is dead: the daemon pings every 20 s."""


class InvalidKey(ClientError):
    """The API key or setup token holds characters that none has."""


def checked(credential: str, what: str) -> str:
    """Answer a credential that can travel in a header; `what` names it in the error, which does not repeat it.

    Raises:
        InvalidKey: it cannot.
    """
    if not (credential.isascii() and credential.isprintable() and credential):
        raise InvalidKey(f"the {what} has characters that none has")
    return credential


def is_loopback(url: httpx.URL) -> bool:
    """Tell whether a URL leads to this very machine."""
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def parse_address(url: str) -> httpx.URL:
    """Read the API's address.

    Raises:
        InvalidAddress: no URL, another scheme than http(s), no host, or credentials inside.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidAddress(f"{url!r} is no URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidAddress(f"{url!r} is no address of an API; it should look like http://127.0.0.1:7070")
    if parsed.userinfo:
        raise InvalidAddress("the API key does not belong into the URL; pass it as --api-key")
    return parsed


class Link:
    """A pool of connections to one daemon.

    Args:
        url: the API's address, with or without a path.
        api_key: `<key_id>:<secret>`, or `None` to come without.
        timeout: seconds for each phase of a call; a stream, once open, is never cut by it.
        request_id: sent as `x-request-id` with everything.

    Attributes:
        address: the API's address.
        headers: sent with everything.

    Raises:
        InvalidAddress, InvalidKey: before anything is sent.
    """

    def __init__(self, url: str, api_key: str | None, timeout: float, request_id: str | None) -> None:
        self.address = parse_address(url)
        self.timeout = timeout
        headers = {"accept": "application/json", "user-agent": "revaer-client"}
        if api_key is not None:
            headers["x-revaer-api-key"] = checked(api_key, "API key")
        if request_id is not None:
            headers["x-request-id"] = request_id
        self.headers: Mapping[str, str] = headers
        self._http = httpx.AsyncClient(
            base_url=self.address,
            headers=headers,
            timeout=timeout,
            follow_redirects=False,
            trust_env=not is_loopback(self.address),
            verify=tls_context(self.address),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Do one exchange and answer the whole response, whatever its status.

        Raises:
            Unreachable: no answer came.
        """
        try:
            return await self._http.request(method, path, params=params, json=body, headers=headers)
        except httpx.TransportError as error:
            raise self.unreachable(error) from error

    async def open(self, path: str, *, params: Mapping[str, str], headers: Mapping[str, str]) -> httpx.Response:
        """Open a stream: the answer's head is there, its body is not read yet. The caller closes it.

        Raises:
            Unreachable: no answer came within the timeout.
            Problem: the daemon refused.
        """
        timeout = httpx.Timeout(self.timeout, read=STREAM_IDLE_SECONDS)
        request = self._http.build_request("GET", path, params=params, headers=dict(headers), timeout=timeout)
        try:
            with trio.fail_after(self.timeout):
                response = await self._http.send(request, stream=True)
                if response.status_code != httpx.codes.OK:
                    await response.aread()
                    raise problem_of(response)
        except httpx.TransportError as error:
            raise self.unreachable(error) from error
        except trio.TooSlowError as error:
            reason = f"no answer within {self.timeout:g} s"
            raise Unreachable(str(self.address), reason, ran_out_of_time=True) from error
        return response

    def unreachable(self, error: Exception) -> Unreachable:
        """Put a failed exchange in words."""
        return Unreachable(
            str(self.address),
            describe(error, self.timeout),
            refused=isinstance(error, httpx.ConnectError) and not _is_about_tls(error),
            ran_out_of_time=isinstance(error, httpx.TimeoutException),
        )


def describe(error: Exception, timeout: float) -> str:
    """Say what broke a connection, in words for people. `timeout` in seconds."""
    match error:
        case httpx.ConnectTimeout():
            return f"no connection within {timeout:g} s"
        case httpx.ReadTimeout():
            return f"no answer within {timeout:g} s"
        case httpx.TimeoutException():
            return f"it took longer than {timeout:g} s"
        case httpx.ConnectError():
            return describe_connect(error)
        case httpx.RemoteProtocolError():
            return f"the connection broke: {error}"
        case _:
            return f"the connection broke: {_root(error)}"


def describe_connect(error: Exception) -> str:
    """Say why no connection was made, in words for people."""
    reason = _root(error)
    return "nothing listens there" if "refused" in reason.lower() else f"cannot connect: {reason}"


def _root(error: BaseException) -> str:
    """Find what the system said below the layers of libraries."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, BaseExceptionGroup):
        return _root(error.exceptions[0])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _is_about_tls(error: BaseException | None) -> bool:
    """Tell whether somebody listens, but not as was expected."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def tls_context(address: httpx.URL) -> ssl.SSLContext:
    """Return how the certificate of an address is checked.

    On this machine it is not: certificates are made out to names by which others reach it, and who could listen in the
    daemon's place here could do so without TLS too.
    """
    if address.scheme == "https" and not is_loopback(address):
        trusting = httpx.create_ssl_context()
        trusting.load_default_certs()
        return trusting
    # Loading the certificate store takes longer than most commands.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def problem_of(response: httpx.Response) -> Problem:
    """Read a refusal; one that is no problem document (of a proxy, say) still becomes a problem."""
    try:
        document = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        document = None
    fields = document if isinstance(document, dict) else {"detail": response.text.strip()[:500]}
    told = problem_document(fields, response.status_code, response.headers.get("x-request-id", ""))
    return Problem(told, retry_after=_retry_after(response))


def problem_document(fields: Mapping[str, Any], status: int, instance: str = "") -> ProblemDocument:
    """Read a problem document, however little of it is there.

    Args:
        fields: the JSON object.
        status: the HTTP status that came with it.
        instance: the request id, when the document names none.
    """
    params = fields.get("invalid_params")
    context = fields.get("context")
    return ProblemDocument(
        type=str(fields.get("type") or "about:blank"),
        title=str(fields.get("title") or httpx.codes.get_reason_phrase(status) or "refused"),
        status=status,
        detail=str(fields.get("detail") or ""),
        instance=str(fields.get("instance") or instance),
        invalid_params=tuple(_invalid_param(item) for item in params) if isinstance(params, list) else (),
        context=context if isinstance(context, dict) else {},
    )


def _invalid_param(item: object) -> InvalidParam:
    if isinstance(item, dict):
        return InvalidParam(str(item.get("pointer", "")), str(item.get("message", "")))
    return InvalidParam("", str(item))


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
