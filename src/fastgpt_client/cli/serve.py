"""``fastgpt-client serve``: the local server in the foreground."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from typing import Any


def run_server(host: str, port: int, apps: list[str], options: Mapping[str, Any]) -> int:
    """Serve until Ctrl-C; ``options`` are the other fields of ``Settings``."""
    try:
        from ..local import AppSpec, Settings, run
    except ModuleNotFoundError as error:
        print(f"The local server needs {error.name!r}: install fastgpt-client[server] (or [all]).", file=sys.stderr)
        return 2
    try:
        settings = Settings(apps=tuple(map(AppSpec.parse, apps)), **options)
        if not _is_loopback(host):
            print(f"Listening on {host}: everybody who can reach this machine can use the server.", file=sys.stderr)
        run(settings, host, port, on_ready=lambda url: print(_ready(url, settings), file=sys.stderr, flush=True))
    except (ValueError, OSError) as error:
        print(f"fastgpt-client serve: {error}", file=sys.stderr)
        return 2
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ready(url: str, settings: object) -> str:
    apps = ", ".join(f"{app.id} ({app.kind})" for app in getattr(settings, "apps", ()))
    stored = getattr(settings, "db", ":memory:")
    kept = "in memory, gone at the end" if stored == ":memory:" else f"in {stored}"
    version = getattr(settings, "version", "")
    return f"A local stand-in for FastGPT {version} is on {url}\n  apps: {apps}\n  chats: {kept}\nCtrl-C ends it."
