"""What commands say besides their data: on stderr, with colours where it is a terminal."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from ..errors import APIConnectionError, FastGPTError, FastGPTWarning

NO_SERVER = """No FastGPT server is configured. Two commands get you one to try:

  fastgpt-client serve                                   (leave it running, in another terminal)
  fastgpt-client chat --api-key fastgpt-local "Hello!"

For a FastGPT of your own set FASTGPT_BASE_URL and FASTGPT_API_KEY, and FASTGPT_APP_ID where the key does not say it."""

notes: Console = Console(stderr=True, highlight=False, soft_wrap=not (sys.stderr and sys.stderr.isatty()))


def complain(error: FastGPTError) -> None:
    """Say what failed, and what to do."""
    notes.print(f"[red]{type(error).__name__}[/red]: {escape(str(error))}")
    if isinstance(error, APIConnectionError):
        notes.print("[dim]To try things without FastGPT: fastgpt-client serve[/dim]")


@contextmanager
def warnings_to(tell: Callable[[str], object]) -> Generator[None]:
    """Have what the SDK warns of, in warnings and in its log, told to people, instead of to developers."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        tell(str(message))

    told, logger = _Told(tell), logging.getLogger("fastgpt_client")
    logger.addHandler(told)
    with warnings.catch_warnings():
        warnings.simplefilter("always", FastGPTWarning)
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(told)


class _Told(logging.Handler):
    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())
