"""Files and rows sent by the workers of a Ray cluster."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fastgpt_client import ArgumentError
from fastgpt_client.knowledge import KnowledgeBase
from fastgpt_client.local import LocalServer

from . import torture

# In a process of its own: Ray leaves threads and sockets behind.
_RUN = """
import asyncio, sys
import ray
from fastgpt_client import AsyncDatasetClient
from fastgpt_client.knowledge import AsyncKnowledgeBase
from fastgpt_client.knowledge import ray_calls

url, key, folder = sys.argv[1:]
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")


async def main():
    async with AsyncDatasetClient(key, url) as client:
        base = AsyncKnowledgeBase(client, "B", create=True)
        killed = []

        def kill(event):
            if event.phase == "upload" and event.done == 20 and not killed:
                killed.append(True)
                ray.kill(servers[0]._workers[0], no_restart=False)

        servers, make = [], ray_calls.RayServer.__init__

        def made(self, *args):
            make(self, *args)
            servers.append(self)

        ray_calls.RayServer.__init__ = made
        report = await base.sync(folder, engine="ray", on_progress=kill)
        assert report.ok, report.failures
        assert killed
        assert (await base.sync(folder, engine="ray")).plan.empty


asyncio.run(main())
"""


def test_a_worker_is_lost(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    torture.make_folder(random.Random(4), tmp_path / "docs", 80)
    with LocalServer(api_keys=[torture.KEY], training_delay=0.01) as server:
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        command = [sys.executable, "-c", _RUN, server.base_url, torture.KEY, str(tmp_path / "docs")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        torture.check(server.base_url, "B", tmp_path / "docs")


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with LocalServer(api_keys=[torture.KEY]) as server:
        base = KnowledgeBase("B", torture.KEY, server.base_url, create=True)
        with pytest.raises(ArgumentError, match=r"fastgpt-client\[ray\]"):
            base.sync(tmp_path, engine="ray")
