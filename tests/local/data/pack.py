"""Pack recordings of a FastGPT server into the file that `test_recordings_replay.py` reads.

    python pack.py RECORDINGS_DIR

Keeps the requests to the endpoints the local server has, and of their answers the status, the content type and the
body. The order is one in which they can be replayed: what a case needs comes before it.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import zlib
from pathlib import Path
from urllib.parse import urlsplit

PATHS = re.compile(
    r"/api/(v[12]/chat/|core/chat/|core/app/(list|logs/|getChatLogs)|proApi/core/app/logs/|support/openapi/health"
    r"|common/system/getInitData|v1/embeddings|core/nope|core/dataset/)"
)
LEFT_OUT = re.compile(
    "app-logs-exportLogs|.*presign|inputGuide|v1-folder-app"
)  # endpoints that are replayed elsewhere, or not here
ORDER = [
    r"hist\d?-seed|item-seed|quote-fresh-seed|absent-chatId-seed",
    r"v\d-chat-multi",
    r"v\d-(?!chat-resume|\w+-pending|\w+-answered)",
    r"v\d-\w+-pending-1",
    r"v\d-\w+-pending-records",
    r"v\d-\w+-pending-2",
    r"v\d-\w+-answered-records",
    r"app-logs-getUsers",
    r"customUid",
    r"chat-init|chat-.*getHistories|chat-(?!getRecords_v2).*[rR]ecord|chat-.*ResData",
    r"chat-.*updateHistory",
    r"chat-history-after-update",
    r"chat-history-markRead",
    r"feedback-(?!update)",
    r"chat-getRecords_v2",
    r"feedback-",
    r"item-delete",
    r"item-after-delete",
    r"record-delete",
    r"v2-chat-resume",
    r"chat-.*delHistory",
    r"ds-(?!update|delete)",
    r"coll-create(-folder)?\.",
    r"coll-create-text\.",
    r"coll-create-text-qa",
    r"coll-create-text-legacy",
    r"coll-create-(link|text-unknown)",
    r"coll-create-localFile-txt",
    r"coll-create-localFile-bad-ext",
    r"coll-(list|listV2|scrollList)\.",
    r"coll-(trainingDetail|detail)",
    r"coll-update",
    r"data-(pushData|insertData\.)",
    r"data-(insertData-dup|.*list)",
    r"data-detail",
    r"data-update",
    r"searchTest|dataset-getQuoteData|training-",
    r"data-delete\.",
    r"data-delete-again",
    r"ds-update",
    r"ds-delete",
    r"coll-create-localFile",
    r"coll-listV2-after",
    r"coll-create-forsync",
    r"coll-delete-post-id",
    r"coll-delete",
    r"coll-create-text-trainingType-missing",
    r"coll-list\w*-page",
    r"coll-del-fresh-create",
    r"coll-del-fresh-DELETE-query-id\.",
    r"coll-del-fresh",
    r"(?!chat-.*clear).",
    r"chat-.*clearHistories",
    r"chat-history-after-clear",
]


def body_of(response: dict) -> str:
    if "body_base64" not in response:
        return response.get("body") or ""
    raw = base64.b64decode(response["body_base64"])
    return zlib.decompress(raw, 31).decode() if raw[:2] == b"\x1f\x8b" else raw.decode()


def main(folder: Path) -> None:
    cases = []
    for file in folder.glob("*.json"):
        recorded = json.loads(file.read_text(encoding="utf-8"))
        request, response = recorded["request"], recorded["response"]
        url = urlsplit(request["url"])
        if not PATHS.match(url.path) or LEFT_OUT.match(file.name):
            continue
        headers = {name.lower(): value for name, value in response["headers"]}
        sent = {
            name: value for name, value in request["headers"].items() if name in ("authorization", "accept-encoding")
        }
        kind = request["headers"].get("content-type")
        if kind != "application/json" and "/core/dataset/" in url.path:
            sent["content-type"] = kind  # a form, or none
        case = {
            "name": file.stem,
            "method": request["method"],
            "url": f"{url.path}?{url.query}" if url.query else url.path,
            "headers": sent,
            "body": request.get("body") or "",
            "status": response["status"],
            "type": headers.get("content-type"),
            "encoding": headers.get("content-encoding"),
            "answer": body_of(response),
        }
        rank = next(rank for rank, pattern in enumerate(ORDER) if re.match(pattern, file.name))
        cases.append((rank, file.stem, case))
    target = Path(__file__).with_name(f"recordings-{folder.name}.json.gz")
    text = json.dumps([case for *_, case in sorted(cases, key=lambda entry: entry[:2])], ensure_ascii=False)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(cases)} cases, {target.stat().st_size} bytes: {target.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
