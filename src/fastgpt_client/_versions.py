"""What moved between FastGPT versions: the one table of it.

The newest form is what the endpoints name. When a server does not know it (it answers its web app's 404 page), the
older forms are tried in order, and what answered is remembered. A 404 page means that nothing was done, so this is
safe for writes too. What answered, and what did not, also tells how old a server is: see ``version_range``.

Sources: recorded answers of 4.11.1, 4.14.4 and 4.16.0; the releases between are read from FastGPT's history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ._json import as_object


class Form(msgspec.Struct, frozen=True):
    """How a server wants a call: its verb, its path, and where the arguments go."""

    method: str
    path: str
    arguments: str = "same"  # or "both": in the query and in the body
    also: dict[str, tuple[str, ...]] = {}  # arguments that it reads under other names: sent under all of them
    needs: dict[str, object] = {}  # what it fails without, and newer servers do not want
    by_page: bool = False  # it knows numbers of pages, and no offset

    def adapt(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call as this form has them."""
        given: dict[str, Any] = {**self.needs, **arguments}
        for name, older in self.also.items():
            given.update({each: given[name] for each in older if name in given})
        # Before 4.15 these fields stood beside the others, under paths that are the same today; 4.16 reads over them.
        if "outLinkAuthData" in given:
            given = {**as_object(given["outLinkAuthData"]), **given}
        if self.by_page and "offset" in given:
            given["pageNum"] = given.pop("offset") // given["pageSize"] + 1
        return given


# Before 4.14.0 FastGPT took files itself, in a form; later it says where to put them (see ``api/uploads.py``).
UPLOAD_OF_OLD = Form("POST", "/common/file/upload")

OLDER_FORMS: dict[str, tuple[Form, ...]] = {
    # history/ since 4.14.5; the older paths still answer in 4.16.
    "/core/chat/history/getHistories": (Form("POST", "/core/chat/getHistories"),),
    "/core/chat/history/updateHistory": (Form("POST", "/core/chat/updateHistory"),),
    "/core/chat/history/delHistory": (Form("DELETE", "/core/chat/delHistory"),),
    "/core/chat/history/clearHistories": (Form("DELETE", "/core/chat/clearHistories"),),
    # record/ since 4.14.5.
    "/core/chat/record/getPaginationRecords": (Form("POST", "/core/chat/getPaginationRecords"),),
    "/core/chat/record/getResData": (Form("GET", "/core/chat/getResData"),),
    "/core/chat/record/getRecords_v2": (Form("POST", "/core/chat/getRecords_v2"),),  # 4.14.4; none in 4.11
    # record/delete since 4.14.11. Before, 4.14.1 and later read the body and the others the query: send both.
    "/core/chat/record/delete": (Form("DELETE", "/core/chat/item/delete", "both"),),
    # record/getSpeech since 4.14.11 (read from the source).
    "/core/chat/record/getSpeech": (Form("POST", "/core/chat/item/getSpeech"),),
    # record/getQuote since 4.14.11.
    "/core/chat/record/getQuote": (Form("POST", "/core/chat/quote/getQuote"),),
    # record/getCollectionQuote since 4.14.11. 4.14.4 refuses a call without an anchor; 4.11 reads it as an index.
    "/core/chat/record/getCollectionQuote": (
        Form(
            "POST",
            "/core/chat/quote/getCollectionQuote",
            also={"anchor": ("initialIndex", "nextIndex", "prevIndex")},
            needs={"anchor": 0},
        ),
    ),
    # file/ since 4.14.5; before 4.14.0 see above.
    "/core/chat/file/presignChatFilePostUrl": (Form("POST", "/core/chat/presignChatFilePostUrl"),),
    "/core/chat/file/presignChatFileGetUrl": (Form("POST", "/core/chat/presignChatFileGetUrl"),),
    "/core/dataset/file/presignDatasetFilePostUrl": (Form("POST", "/core/dataset/presignDatasetFilePostUrl"),),
    # listV2 since 4.8.19, v2/list since 4.8.12. The older ones answer {pageNum, pageSize, data, total} (see Page).
    "/core/dataset/collection/listV2": (Form("POST", "/core/dataset/collection/list", by_page=True),),
    "/core/dataset/data/v2/list": (Form("POST", "/core/dataset/data/list", by_page=True),),
    # logs/list takes keys since 4.15.4; 4.11 has getChatLogs, for sessions only.
    "/core/app/logs/list": (Form("POST", "/core/app/getChatLogs"),),
}

SINCE: dict[str, str] = {
    "/core/dataset/data/v2/list": "4.8.12",
    "/core/dataset/collection/listV2": "4.8.19",
    "/apidoc/systemopenapi.json": "4.15.0",
    "/openapi.json": "4.13.2",
    "/core/app/logs/list": "4.14.4",
    **dict.fromkeys(
        (
            "/core/chat/history/getHistories",
            "/core/chat/history/updateHistory",
            "/core/chat/history/delHistory",
            "/core/chat/history/clearHistories",
            "/core/chat/record/getPaginationRecords",
            "/core/chat/record/getResData",
            "/core/chat/record/getRecords_v2",
            "/core/chat/file/presignChatFilePostUrl",
            "/core/chat/file/presignChatFileGetUrl",
        ),
        "4.14.5",
    ),
    **dict.fromkeys(
        (
            "/core/chat/record/delete",
            "/core/chat/record/getSpeech",
            "/core/chat/record/getQuote",
            "/core/chat/record/getCollectionQuote",
        ),
        "4.14.11",
    ),
}
"""The first version that knows a path."""

GONE: dict[str, str] = {"/openapi.json": "4.15.0"}
"""The first version that does not know a path any more."""

LISTED_SINCE: dict[str, str] = {"POST /core/app/logs/list": "4.15.4", "POST /core/dataset/batch/move": "4.17.0"}
"""The first version whose System OpenAPI has an operation. That it lacks one tells nothing: later builds may too."""


def version_range(known: Mapping[str, bool], operations: Iterable[str] = ()) -> tuple[str | None, str | None]:
    """The oldest version that fits, and the one that is too new, from paths that a server knows or does not.

    Inferred. A gateway may hide a path, so one that answers counts more than one that does not.

    >>> version_range({"/core/chat/history/getHistories": True, "/core/chat/record/getQuote": False})
    ('4.14.5', '4.14.11')
    """
    since = [SINCE[path] for path, there in known.items() if there and path in SINCE]
    since += [LISTED_SINCE[operation] for operation in operations if operation in LISTED_SINCE]
    before = [GONE[path] for path, there in known.items() if there and path in GONE]
    before += [SINCE[path] for path, there in known.items() if not there and path in SINCE and path not in GONE]
    oldest = max(since, key=_numbers, default=None)
    newest = min(before, key=_numbers, default=None)
    for path, gone in GONE.items():  # it is not there: gone already, or not there yet
        if known.get(path) is False and newest is not None and _numbers(newest) <= _numbers(gone):
            before.append(SINCE[path])
    fitting = [version for version in before if oldest is None or _numbers(version) > _numbers(oldest)]
    return oldest, min(fitting, key=_numbers, default=None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
