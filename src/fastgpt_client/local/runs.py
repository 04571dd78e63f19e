"""Runs: a workflow at work. Each is a task that keeps its steps: it can outlive its request, and be joined later."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from .script import CutError, StreamFailureError
from .store import DONE, FAILED, Store
from .wire import seconds
from .workflow import Step, Turn, node, steps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .completions import View

logger: logging.Logger = logging.getLogger("fastgpt_client.local")

NO_RECORD = "NO_RECORD_HISTORIES"
"""The chat id that leaves no trace."""


class Run:
    """One run of one app. What has come out of it so far is in its attributes."""

    def __init__(self, runs: Runs, turn: Turn, chat_id: str, data_id: str, earlier: list[dict[str, Any]]) -> None:
        self.turn = turn
        self.chat_id = chat_id
        self.data_id = data_id
        self.items = earlier
        """What the record holds: that of an interactive turn is continued by the next."""
        self.start: int = len(earlier)
        self.reasoning: str = ""
        self.nodes: list[dict[str, Any]] = []
        self.duration: float = 0
        self.failure: dict[str, Any] | None = None
        self.cut: bool = False
        self.log: list[Step] = []
        """All steps so far."""
        self.ended: bool = False
        self.view: View | None = None
        """How its stream looks, when it may be joined."""
        self._runs = runs
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._drive())
        self._task.add_done_callback(lambda _: self._over())  # also when it was stopped before it began

    @property
    def error(self) -> str | None:
        """The last error of a node."""
        return next((item["errorText"] for item in reversed(self.nodes) if "errorText" in item), None)

    async def steps(self, heartbeat: float | None = None) -> AsyncGenerator[Step]:
        """The steps from the first on, as they come, with an empty answer every `heartbeat` seconds."""
        at, clock = 0, asyncio.get_running_loop().time
        beat = clock() + heartbeat if heartbeat else None
        while at < len(self.log) or not self.ended:
            if beat is not None and heartbeat and clock() >= beat:
                beat += heartbeat
                yield Step("answer", {"content": ""})
            elif at < len(self.log):
                yield self.log[at]
                at += 1
            else:
                news = self._news
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(beat):
                        await news.wait()

    def stop(self) -> None:
        """End the run here; what it has said so far is kept."""
        if not self.turn.stopped:
            self.turn.stopped = True
            self._task.cancel()

    async def done(self) -> None:
        """Wait for the end, and for the answer to be stored."""
        await asyncio.wait([self._task])

    def _tell(self) -> None:
        """Wake those who follow."""
        self._news.set()
        self._news = asyncio.Event()

    async def _drive(self) -> None:
        started = time.perf_counter()
        try:
            async for step in steps(self.turn):
                self._collect(step)
                self.log.append(step)
                self._tell()
        except CutError:
            self.cut = True  # the model's answer ends with its connection, and its node says so
            self.nodes.append(node("AI Chat", "chatNode", "ai", started, finishReason="close"))
        except StreamFailureError as exc:
            self.failure = exc.payload
        except asyncio.CancelledError:
            if not self.turn.stopped:
                raise
        except Exception as exc:
            logger.exception("a run failed")
            self.failure = {"message": str(exc)}
        finally:
            self.duration = seconds(time.perf_counter() - started)
            self._over()

    def _over(self) -> None:
        if not self.ended:
            self.ended = True
            self._tell()
            self._runs.end(self)

    def _collect(self, step: Step) -> None:
        if step.event == "flowNodeResponse":
            self.nodes.append(step.data)
        elif step.event == "interactive":
            self.items.append({**step.data, "type": "interactive"})
        elif step.event == "toolCall":
            call = dict(step.data["tool"])
            self.items.append({"id": call["id"], "tools": [call], "type": "tool"})
        elif step.event in ("toolParams", "toolResponse"):
            call = self.items[-1]["tools"][0]
            call["params"] += step.data["tool"]["params"] if step.event == "toolParams" else ""
            call["response"] += step.data["tool"]["response"]
        elif "reasoning_content" in step.data:
            self.reasoning += step.data["reasoning_content"]
        elif "content" in step.data:
            if len(self.items) == self.start or "text" not in self.items[-1]:
                self.items.append({"text": {"content": ""}, "type": "text"})
            self.items[-1]["text"]["content"] += step.data["content"]

    @property
    def value(self) -> list[dict[str, Any]]:
        """The value of the record."""
        if not self.reasoning:
            return self.items
        thought = {"reasoning": {"content": self.reasoning}, "type": "reasoning"}
        return [*self.items[: self.start], thought, *self.items[self.start :]]


class Runs:
    """The runs of a server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._active: set[Run] = set()

    def get(self, app: str, chat_id: str) -> Run | None:
        """The run of a chat; what leaves no trace is nobody's."""
        if chat_id == NO_RECORD:
            return None
        return next((run for run in self._active if (run.turn.app.id, run.chat_id) == (app, chat_id)), None)

    def start(self, turn: Turn, chat_id: str, data_id: str, earlier: list[dict[str, Any]]) -> Run:
        """Start one."""
        run = Run(self, turn, chat_id, data_id, earlier)
        self._active.add(run)
        return run

    def end(self, run: Run) -> None:
        """A run has ended: store what it said, unless the chat was deleted meanwhile."""
        self._active.discard(run)
        if run.chat_id == NO_RECORD:
            return
        app = run.turn.app.id
        earlier = self._store.answer(app, run.chat_id, run.data_id)
        self._store.finish(
            app,
            run.chat_id,
            run.data_id,
            value=run.value,
            nodes=[*(earlier.nodes if earlier else []), *run.nodes],
            duration=seconds(((earlier and earlier.duration) or 0) + run.duration),
            error=run.error is not None or run.failure is not None,
            variables=run.turn.shown_variables,
            status=FAILED if run.failure else DONE,
        )

    async def stop_all(self) -> None:
        """Stop everything; the answers so far are stored."""
        runs = [*self._active]
        for run in runs:
            run.stop()
        for run in runs:
            await run.done()
