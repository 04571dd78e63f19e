"""A FastGPT-compatible server in one process, for development and tests."""

from __future__ import annotations

from .app import create_app
from .server import LocalServer, run
from .settings import AppSpec, Settings

__all__ = ["AppSpec", "LocalServer", "Settings", "create_app", "run"]
