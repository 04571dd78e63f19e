"""What a FastGPT server says of itself: its API as an OpenAPI document, and the settings of its web app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import wire

if TYPE_CHECKING:
    from starlette.responses import Response

    from .calls import Call
    from .endpoints import Endpoint
    from .versions import Version

_JSON = "application/json"


def openapi(endpoints: Mapping[str, Endpoint], call: Call, _: object) -> Response:
    """`/apidoc/systemopenapi.json`: the endpoints of this server, and what they ask for."""
    version = call.state.version
    paths = {
        known: _described(path, endpoint, version)
        for path, endpoint in endpoints.items()
        for known in version.where(path)
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "FastGPT API of the local server", "version": version.release},
        "servers": [{"url": "/api"}],
        "security": [{"ApiKeyAuth": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"ApiKeyAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "API Key"}}
        },
    }
    return wire.answer(call.request, document)


def _described(path: str, endpoint: Endpoint, version: Version) -> dict[str, Any]:
    """One path of the document."""
    fields = dict(item.split(":") for item in endpoint.schema.split())
    kinds = {"id": {"type": "string", "pattern": f"^{wire.OBJECT_ID.pattern}$"}}
    types = {name.rstrip("?"): kinds.get(kind, {"type": kind}) for name, kind in fields.items()}
    required = [name for name in fields if not name.endswith("?")]
    operation: dict[str, Any] = {}
    if version.source(path, endpoint.source) == "body":
        schema = {"type": "object", "properties": types, "required": required}
        operation["requestBody"] = {"content": {_JSON: {"schema": schema}}}
    else:
        operation["parameters"] = [
            {"in": "query", "name": name, "schema": kind, "required": name in required} for name, kind in types.items()
        ]
    operation["responses"] = {"200": {"content": {_JSON: {"schema": {}}}}}
    return {endpoint.verb: operation}


def init_data(call: Call, _: object) -> dict[str, Any]:
    """`/common/system/getInitData`, as a caller without a login sees it: the server's version is not in it."""
    settings = call.state.settings
    config: dict[str, Any] = {
        "show_emptyChat": True,
        "show_git": True,
        "docUrl": "https://doc.fastgpt.io",
        "systemTitle": "FastGPT",
        "limit": {"exportDatasetLimitMinutes": 0, "websiteSyncLimitMinuted": 0},
        "scripts": [],
        "favicon": "/favicon.ico",
        "uploadFileMaxSize": 500,
        "isPlus": settings.commercial,
    }
    return call.state.version.init_data({"bufferId": "", "feConfigs": config, "modelProviders": [], "aiproxyIdMap": {}})
