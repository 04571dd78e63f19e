"""Pack what real servers answered, for the tests: ``completions.json.gz``, and ``endpoints.json.gz`` with all others.

    python pack.py RECORDINGS_DIR

``RECORDINGS_DIR`` has a folder per server version, with one exchange a file. The same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
PACKED = HERE / "completions.json.gz"
PATHS = ("/api/v1/chat/completions", "/api/v2/chat/completions")
OTHERS = HERE / "endpoints.json.gz"
HEADERS = ("content-type", "content-encoding", "x-request-id", "retry-after")  # and x-ratelimit-*


def pack(recordings: Path) -> list[dict[str, Any]]:
    packed: list[dict[str, Any]] = []
    for file in sorted(recordings.glob("*/*.json")):
        exchange: dict[str, Any] = json.loads(file.read_bytes())
        request, response = exchange["request"], exchange["response"]
        path = urlsplit(request["url"]).path
        if request["method"] != "POST" or path not in PATHS:
            continue
        headers = {name.lower(): value for name, value in response["headers"]}
        answer: dict[str, Any] = {
            "status": response["status"],
            "headers": {
                name: value for name, value in headers.items() if name in HEADERS or name.startswith("x-ratelimit-")
            },
        }
        if headers.get("transfer-encoding") == "chunked":
            answer["chunks"] = response["chunk_lengths"]  # else the answer had a Content-Length
        answer |= {name: response[name] for name in ("body", "body_base64", "read_error") if name in response}
        packed.append(
            {
                "version": file.parent.name,
                "name": file.stem,
                "request": {
                    "path": path,
                    "key": any(name.lower() == "authorization" for name in request["headers"]),
                    "body": request.get("body") or "",
                },
                "response": answer,
            }
        )
    return packed


def pack_others(recordings: Path) -> list[dict[str, Any]]:
    """Everything but runs: what was asked, and the whole answer."""
    packed: list[dict[str, Any]] = []
    for file in sorted(recordings.glob("*/*.json")):
        exchange: dict[str, Any] = json.loads(file.read_bytes())
        request, response = exchange["request"], exchange["response"]
        url = urlsplit(request["url"])
        if url.path in PATHS or "read_error" in response or "body" not in response:
            continue
        headers = {name.lower(): value for name, value in response["headers"]}
        packed.append(
            {
                "version": file.parent.name,
                "name": file.stem,
                "method": request["method"],
                "path": url.path,
                "status": response["status"],
                "type": headers.get("content-type", ""),
                "body": response["body"],
            }
        )
    return packed


def write(file: Path, recordings: list[dict[str, Any]]) -> None:
    text = json.dumps(recordings, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(recordings)} recordings, {file.stat().st_size} bytes")


if __name__ == "__main__":
    write(PACKED, pack(Path(sys.argv[1])))
    write(OTHERS, pack_others(Path(sys.argv[1])))
