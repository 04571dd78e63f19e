"""What moved between FastGPT versions: the one table of it.

The newest form is what the endpoints name. When a server does not know it (it answers its web app's 404 page), the
older forms are tried in order, and what answered is remembered. A 404 page means that nothing was done, so this is
safe for writes too.

Sources: recorded answers of 4.11.1, 4.14.4 and 4.16.0; the releases between are read from FastGPT's history.
"""

from __future__ import annotations

import msgspec


class Form(msgspec.Struct, frozen=True):
    """How an older server wants a call: its verb, its path, and where the arguments go."""

    method: str
    path: str
    arguments: str = "same"  # or "both": in the query and in the body


OLDER_FORMS: dict[str, tuple[Form, ...]] = {
    # history/ since 4.14.5; the older paths still answer in 4.16.
    "/core/chat/history/getHistories": (Form("POST", "/core/chat/getHistories"),),
    "/core/chat/history/updateHistory": (Form("POST", "/core/chat/updateHistory"),),
    "/core/chat/history/delHistory": (Form("DELETE", "/core/chat/delHistory"),),
    "/core/chat/history/clearHistories": (Form("DELETE", "/core/chat/clearHistories"),),
    # record/ since 4.14.5.
    "/core/chat/record/getPaginationRecords": (Form("POST", "/core/chat/getPaginationRecords"),),
    "/core/chat/record/getResData": (Form("GET", "/core/chat/getResData"),),
    # record/delete since 4.14.11. Before, 4.14.1 and later read the body and the others the query: send both.
    "/core/chat/record/delete": (Form("DELETE", "/core/chat/item/delete", "both"),),
    # record/getQuote since 4.14.11.
    "/core/chat/record/getQuote": (Form("POST", "/core/chat/quote/getQuote"),),
    # logs/list takes keys since 4.15.4; 4.11 has getChatLogs, for sessions only.
    "/core/app/logs/list": (Form("POST", "/core/app/getChatLogs"),),
}
