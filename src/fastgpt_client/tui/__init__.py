"""``fastgpt-client tui``: chats with an app on a whole screen.

``app.py`` is the screen and what its keys do, ``sidebar.py`` the conversations on the left, ``chat.py`` the messages in
the middle, ``nodes.py`` the nodes on the right, ``dialogs.py`` what opens above them; ``search.py`` finds
conversations; ``style.tcss`` says how all looks.
"""

from __future__ import annotations

from .app import ChatScreenApp

__all__ = ["ChatScreenApp"]
