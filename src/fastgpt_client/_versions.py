"""What moved between FastGPT versions: the one table of it.

The newest form is what the endpoints name. When a server does not know it (it answers its web app's 404 page), the
older forms are tried in order, and what answered is remembered. A 404 page means that nothing was done, so this is
safe for writes too.

Sources: recorded answers of 4.11.1, 4.14.4 and 4.16.0; the releases between are read from FastGPT's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ._json import as_object


class Form(msgspec.Struct, frozen=True):
    """How an older server wants a call: its verb, its path, and where the arguments go."""

    method: str
    path: str
    arguments: str = "same"  # or "both": in the query and in the body
    also: dict[str, tuple[str, ...]] = {}  # arguments that it reads under other names: sent under all of them
    needs: dict[str, object] = {}  # what it fails without, and newer servers do not want

    def adapt(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call as this form has them."""
        given: dict[str, Any] = {**self.needs, **arguments}
        for name, older in self.also.items():
            given.update({each: given[name] for each in older if name in given})
        if "outLinkAuthData" in given:  # before 4.15 its fields stood beside the others
            given = {**as_object(given["outLinkAuthData"]), **given}
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
    # logs/list takes keys since 4.15.4; 4.11 has getChatLogs, for sessions only.
    "/core/app/logs/list": (Form("POST", "/core/app/getChatLogs"),),
}
