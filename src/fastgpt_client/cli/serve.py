"""``fastgpt-client serve``: the local server in the foreground."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path


def run_server(
    host: str,
    port: int,
    db: str,
    api_keys: list[str],
    apps: list[str],
    model_url: str | None,
    model: str | None,
    model_key: str | None,
    script: Path | None,
    version: str = "4.16",
) -> int:
    try:
        from ..local import AppSpec, Settings, run
    except ModuleNotFoundError as error:
        print(f"The local server needs {error.name!r}: install fastgpt-client[server] (or [all]).", file=sys.stderr)
        return 2
    try:
        settings = Settings(
            api_keys=tuple(api_keys),
            apps=tuple(map(AppSpec.parse, apps)),
            db=db,
            model_url=model_url,
            model=model,
            model_key=model_key,
            script=str(script) if script else None,
            version=version,
        )
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
