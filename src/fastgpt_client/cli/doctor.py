"""``fastgpt-client doctor``: what is wrong between here and FastGPT, and what to do about it.

``examine`` asks, ``diagnose`` makes findings of the answers, the rest shows them. Nothing is run or written on the
server, and nothing is shown that a public issue must not have: no key, no password, no path behind the host.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import _json
from .._error_texts import MEANINGS
from .._io import Transport, _proxied  # pyright: ignore[reportPrivateUsage]
from .._session import DEFAULT_BASE_URL
from ..clients import FastGPTClient
from ..errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ArgumentError,
    AuthenticationError,
    CommercialOnlyError,
    FastGPTError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from ..server import ServerInfo

SECONDS = 10.0  # to wait for an answer
PROBE_SECONDS = 3.0  # the same at another address
SLOW_SECONDS = 2.0
CLOCK_SECONDS = 60.0

Level = Literal["ok", "note", "problem"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found, and what to do about it."""

    level: Level
    topic: str
    text: str
    fix: str = ""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and what came of it: ``info``, or a ``failure``."""

    address: str  # as it may be shown
    host: str
    key_looks: str = ""  # the beginning of the key, where it is a known one
    app: bool = False
    login: bool = False  # the address holds a name and a password
    proxy: str | None = None  # the environment variable that sends requests through a proxy
    info: ServerInfo | None = None
    failure: FastGPTError | None = None
    elsewhere: tuple[str, ...] = ()  # other addresses where FastGPT answers


def run_doctor(base_url: str | None, api_key: str | None, app: str | None, *, key_in_url: bool, as_json: bool) -> int:
    try:
        examination = examine(base_url or DEFAULT_BASE_URL, api_key, app, key_in_url=key_in_url)
    except ArgumentError as error:
        print(error, file=sys.stderr)
        return 2
    findings = list(diagnose(examination))
    if as_json:
        print(_json.encode(_report(examination, findings)).decode())
    else:
        show(findings, Console(highlight=False))
    return 0 if _good(findings) else 1


# Asking --------------------------------------------------------------------------------------------------------------


def examine(base_url: str, api_key: str | None, app: str | None, *, key_in_url: bool = False) -> Examination:
    with FastGPTClient(api_key, base_url, app_id=app, timeout=SECONDS, max_retries=0) as client:
        session = client._session  # pyright: ignore[reportPrivateUsage]
        url = session.base_url
        info, failure = None, None
        try:
            info = client.inspect_server(key_in_url)
        except FastGPTError as error:
            failure = error
        looks = re.match("(fastgpt|openapi|sk)-", session.key or "")
        return Examination(
            address=shown(url),
            host=urlsplit(url).hostname or "",
            key_looks=looks[0] if looks else "",
            app=session.app_id is not None,
            login="@" in urlsplit(url).netloc,
            proxy=_proxy_variable(url),
            info=info,
            failure=failure,
            elsewhere=_elsewhere(url) if failure else (),
        )


def shown(url: str) -> str:
    """An address that may be shown: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{'/…' if parts.path.strip('/') else ''}"


def other_addresses(url: str) -> list[str]:
    """Where FastGPT may be meant to be, when it is not at ``url``."""
    parts = urlsplit(url)
    other = "http" if parts.scheme == "https" else "https"
    found = [
        _address(parts, parts.scheme, parts.port),
        _address(parts, other, parts.port),
        _address(parts, "http", 3000),
        _address(parts, "https", None),
        _address(parts, "http", None),
    ]
    return [address for address in dict.fromkeys(found) if address != url]


def _address(parts: SplitResult, scheme: str, port: int | None) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{scheme}://{host}{f':{port}' if port else ''}"


def _elsewhere(url: str) -> tuple[str, ...]:
    from concurrent.futures import ThreadPoolExecutor

    others = other_addresses(url)
    with ThreadPoolExecutor(len(others)) as pool:
        return tuple(shown(other) for other, there in zip(others, pool.map(_answers, others), strict=True) if there)


def _answers(address: str) -> bool:
    """Whether FastGPT answers there. It is asked without the key, which belongs to the given address only."""
    import httpx2

    try:
        answer = httpx2.post(f"{address}/api/core/app/list", json={}, timeout=PROBE_SECONDS)
        return "code" in _json.as_object(_json.loads(answer.content))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return False


def _proxy_variable(url: str) -> str | None:
    import os

    if not _proxied(Transport(), url):
        return None
    names = [f"{scheme}_proxy" for scheme in (urlsplit(url).scheme, "all")]
    names += [name.upper() for name in names]
    return next((name for name in names if os.environ.get(name)), "the system's settings")


# Findings ------------------------------------------------------------------------------------------------------------


def diagnose(examination: Examination) -> Iterator[Finding]:
    """What the answers mean, and what to do."""
    if examination.failure is not None:
        yield _unreached(examination, examination.failure)
        for address in examination.elsewhere:
            yield Finding("note", "address", f"FastGPT answers at {address}", f"use --base-url {address}")
    if examination.login:
        yield Finding(
            "note", "address", "it holds a login, which is sent instead of the key", "leave name:password@ out"
        )
    if examination.proxy is not None:
        fix = f"for a server that is reached directly set NO_PROXY={examination.host}" if examination.failure else ""
        yield Finding("note", "proxy", f"requests go through a proxy, by {examination.proxy}", fix)
    if examination.info is not None:
        yield from _of_server(examination, examination.info)


def _unreached(examination: Examination, error: FastGPTError) -> Finding:
    where = examination.address
    if isinstance(error, APIConnectionError):
        topic, text, fix = _broken(where, error, examination.proxy is not None)
        return Finding("problem", topic, text, fix)
    if isinstance(error, ServerError) and (error.status_code or 0) >= 500:
        fix = error.hint or "look at the logs of FastGPT"
        return Finding("problem", "gateway", f"something before FastGPT answers at {where} ({_facts(error)})", fix)
    status = _facts(error) if isinstance(error, APIError) else type(error).__name__
    return Finding(
        "problem",
        "address",
        f"something answers at {where}, but not FastGPT's API ({status})",
        "give the address that the browser shows for FastGPT, without what follows the host; "
        "check that no login page or proxy stands in between",
    )


def _broken(where: str, error: APIConnectionError, proxied: bool) -> tuple[str, str, str]:
    """Topic, text and fix for a server that gave no answer."""
    causes = list(_causes(error))
    kinds = {type(cause).__name__ for cause in causes}
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "TLS", *untrusted(where, cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return "TLS", f"no TLS with {where}", "does this port speak plain http? Then write http://"
    if "ProxyError" in kinds or (proxied and "ConnectError" in kinds):
        return "proxy", f"the proxy before {where} cannot be used", "check the proxy's address in the environment"
    if isinstance(error, APITimeoutError):
        fix = "check host and port, VPN, and firewalls between"
        return "network", f"no answer from {where} in {SECONDS:.0f} s", fix
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        fix = "check the spelling; is a VPN or an own DNS server needed?"
        return "network", f"the name of {where} is not known", fix
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        fix = "start FastGPT, or give another address (port 3000 unless changed); in a container localhost is itself"
        return "network", f"nothing listens at {where}", fix
    return "network", f"the connection to {where} broke", "is something else than http(s) at this port?"


def untrusted(where: str, reason: str) -> tuple[str, str]:
    if "expired" in reason:
        return f"the certificate of {where} has expired", "renew it; or is the clock here wrong?"
    if "mismatch" in reason:
        return f"the certificate of {where} is for another host", "use the name that it is made for"
    return (
        f"the certificate of {where} is not trusted ({reason})",
        "a private authority: verify='/path/to/ca.pem' in Python, SSL_CERT_FILE=/path/to/ca.pem for the command",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_server(examination: Examination, info: ServerInfo) -> Iterator[Finding]:
    latency = info.latency or 0.0
    yield Finding("ok", "address", f"FastGPT answers at {examination.address}")
    if latency > SLOW_SECONDS:
        yield Finding(
            "note", "latency", f"the fastest answer took {latency:.1f} s", "is the network slow, or the server busy?"
        )
    else:
        yield Finding("ok", "latency", f"{latency * 1000:.0f} ms")
    level: Level = "note" if info.versions == "unknown" else "ok"
    yield Finding(level, "version", f"FastGPT {info.versions}")
    if info.commercial is not None:
        yield Finding("ok", "edition", "commercial" if info.commercial else "community")
    if info.clock_ahead is not None and abs(info.clock_ahead) > CLOCK_SECONDS:
        which = "ahead of" if info.clock_ahead > 0 else "behind"
        yield Finding(
            "problem",
            "clock",
            f"the server's clock is {abs(info.clock_ahead):.0f} s {which} the one here",
            "set both by NTP: uploads and certificates fail otherwise",
        )
    yield _of_key(examination, info)
    if info.key in ("wrong", "missing"):
        return
    told: set[object] = set()
    for topic, error in info.checks.items():
        if error is None or error.code is None or error.code not in told:  # an unknown app is told once
            yield _of_check(topic, error)
        told.add(error and error.code)
    if not examination.app and info.key in ("good", "account"):
        yield Finding("note", "chat", "no app is named, so chats are not checked", "--app ID, or FASTGPT_APP_ID")


def _of_key(examination: Examination, info: ServerInfo) -> Finding:
    masked = f"{examination.key_looks}***"
    if info.key == "missing":
        return Finding("problem", "key", "no key is given", "--api-key, or FASTGPT_API_KEY")
    if info.key == "wrong":
        foreign = " It looks like the key of a model provider." if examination.key_looks == "sk-" else ""
        return Finding(
            "problem",
            "key",
            f"the server does not accept the key ({masked}).{foreign}",
            "copy it again from FastGPT (account: API keys; before 4.15 also the app: publish), of this very server",
        )
    if info.key is None:
        return Finding("problem", "key", f"whether the key ({masked}) is good cannot be seen: see apps")
    if info.key == "app":
        return Finding("ok", "key", f"an app's key ({masked}): calls need name no app")
    if info.key == "account":
        return Finding("ok", "key", f"an account's key ({masked}): calls must name the app")
    return Finding(
        "ok",
        "key",
        f"accepted ({masked}): an account's, whose calls must name the app, or one app's",
        "--key-kind tells which (4.14.4+); it puts the key into an address, which proxies may log",
    )


def _of_check(topic: str, error: APIError | None) -> Finding:
    if error is None:
        return Finding("ok", topic, "may be read")
    if isinstance(error, CommercialOnlyError):
        return Finding("note", topic, "commercial edition only", "compute it from histories and records")
    if isinstance(error, NotFoundError) and error.code is None:
        return Finding("note", topic, "this server does not have them")
    if topic == "logs" and isinstance(error, (AuthenticationError, PermissionDeniedError)):
        return Finding(
            "note", topic, f"may not be read ({_facts(error)})", "needs 4.15.4, and the right to read the app's logs"
        )
    meaning = MEANINGS.get(error.statusText or "")
    level: Level = "note" if topic in ("logs", "charts") else "problem"
    reason = meaning.text if meaning else "the server refuses"
    return Finding(level, topic, f"{reason} ({_facts(error)})", error.hint or "")


def _facts(error: APIError) -> str:
    """Numbers and names of an error. The server's own words may hold anything, so they are left out."""
    name = error.statusText if error.statusText in MEANINGS else None
    return ", ".join(str(fact) for fact in (f"HTTP {error.status_code}", error.code, name) if fact)


# Showing -------------------------------------------------------------------------------------------------------------

_SYMBOLS = {"ok": "[green]✓[/green]", "note": "[yellow]![/yellow]", "problem": "[red]✗[/red]"}


def show(findings: Iterable[Finding], out: Console) -> None:
    """For people on a terminal, as plain lines elsewhere."""
    if not out.is_terminal:
        for finding in findings:
            fix = f" | fix: {finding.fix}" if finding.fix else ""
            out.print(f"{finding.level:8}{finding.topic:11}{finding.text}{fix}", markup=False, soft_wrap=True)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in findings:
        table.add_row(_SYMBOLS[finding.level], f"[bold]{finding.topic}[/bold]", escape(finding.text))
        if finding.fix:
            table.add_row("", "", f"[dim]→ {escape(finding.fix)}[/dim]")
    out.print(table)


def _good(findings: Iterable[Finding]) -> bool:
    return all(finding.level != "problem" for finding in findings)


def _report(examination: Examination, findings: list[Finding]) -> dict[str, Any]:
    info = examination.info
    server = None
    if info is not None:
        checks = {topic: "ok" if error is None else _facts(error) for topic, error in info.checks.items()}
        server = {**msgspec.structs.asdict(info), "base_url": examination.address, "checks": checks}
        server["inferred"] = sorted(info.inferred)
    return {"ok": _good(findings), "findings": findings, "server": server}
