"""Files and rows sent by the workers of a Ray cluster: `make test-ray`."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastgpt_client import ArgumentError
from fastgpt_client.knowledge import KnowledgeBase
from fastgpt_client.local import LocalServer

from . import torture

# In processes of their own: Ray leaves threads and sockets behind.
_CLUSTER = """
import atexit, os, sys
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
atexit.register(cluster.shutdown)
os.environ["RAY_ADDRESS"] = cluster.address
"""
_LOSSES = """
import asyncio
from fastgpt_client import AsyncDatasetClient
from fastgpt_client.knowledge import AsyncKnowledgeBase, ray_calls

url, key, folder = sys.argv[1:]
servers, lost = [], []
make = ray_calls.RayServer.__init__


def made(self, *args):
    make(self, *args)
    servers.append(self)


def lose(event):
    if event.phase == "upload" and event.done == 20 and not lost:
        lost.append("a worker")
        ray.kill(servers[0]._workers[0], no_restart=False)
    if event.phase == "upload" and event.done == 50 and len(lost) == 1:
        lost.append("a node")
        # One that has workers, if Ray put any there; Ray itself is connected to any of them.
        homes = {actor["Address"]["NodeID"] for actor in ray._private.state.actors().values()}
        here = ray.get_runtime_context().get_node_id()
        others = sorted((node for node in nodes if node.node_id != here), key=lambda node: node.node_id not in homes)
        cluster.remove_node(others[0])


async def main():
    async with AsyncDatasetClient(key, url) as client:
        base = AsyncKnowledgeBase(client, "B", create=True)
        report = await base.sync(folder, engine="ray", on_progress=lose)
        assert lost == ["a worker", "a node"]
        assert report.ok, report.failures
        again = await base.sync(folder, engine="ray")
        assert again.plan.empty, again.plan


ray_calls.RayServer.__init__ = made
asyncio.run(main())
"""
_COMMAND = """
import subprocess
url, key, folder = sys.argv[1:]
command = [sys.executable, "-m", "fastgpt_client", "kb", "push", folder, "--kb", "B", "--create", "--engine", "ray"]
done = subprocess.run([*command, "--base-url", url, "--api-key", key], capture_output=True, text=True)
print(done.stdout, done.stderr)
sys.exit(done.returncode)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("ray")
    torture.make_folder(random.Random(4), tmp_path / "docs", 120)
    return tmp_path / "docs"


def without_proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def run(code: str, server: LocalServer, folder: Path) -> str:
    command = [sys.executable, "-c", code, server.base_url, torture.KEY, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=without_proxies())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_worker_and_a_node_are_lost(folder: Path) -> None:
    with LocalServer(api_keys=[torture.KEY], training_delay=0.01) as server:
        run(_CLUSTER + _LOSSES, server, folder)
        torture.check(server.base_url, "B", folder)


def test_the_command(folder: Path) -> None:
    with LocalServer(api_keys=[torture.KEY], training_delay=0.01) as server:
        said = run(_CLUSTER + _COMMAND, server, folder)
        assert "+ 122  ~ 0  - 0  = 0" in said, said
        torture.check(server.base_url, "B", folder)


def test_the_recipe_of_the_docs(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    pandas = pytest.importorskip("pandas")
    page = (Path(__file__).parents[2] / "docs" / "knowledge.md").read_text("utf-8")
    [recipe] = re.findall(r"^```python\n(import hashlib.*?import ray.*?)^```$", page, re.M | re.S)
    (tmp_path / "recipe.py").write_text(recipe)
    (tmp_path / "questions").mkdir()
    with LocalServer(api_keys=[torture.KEY], training_delay=0.01) as server:
        for answer, said in (
            ("one", "+ 16  ~ 0  - 0  = 0"),
            ("one", "+ 0  ~ 0  - 0  = 16"),
            ("two", "+ 0  ~ 1  - 0  = 15"),
        ):
            rows = {"q": [f"问题 {at}" for at in range(2000)], "a": [answer, *["-"] * 1999]}
            pandas.DataFrame(rows).to_parquet(tmp_path / "questions" / "all.parquet")
            environment = without_proxies() | {
                "RAY_ADDRESS": "local",
                "FASTGPT_API_KEY": torture.KEY,
                "FASTGPT_BASE_URL": server.base_url,
            }
            command = [sys.executable, "recipe.py"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment, cwd=tmp_path)
            assert done.returncode == 0, done.stderr[-3000:]
            assert said in done.stdout
            torture.check(server.base_url, "Questions", tmp_path / "tables")
    assert sum(len(file.read_text().splitlines()) for file in (tmp_path / "tables").glob("*.jsonl")) == 2000


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with LocalServer(api_keys=[torture.KEY]) as server:
        base = KnowledgeBase("B", torture.KEY, server.base_url, create=True)
        with pytest.raises(ArgumentError, match=r"fastgpt-client\[ray\]"):
            base.sync(tmp_path, engine="ray")
