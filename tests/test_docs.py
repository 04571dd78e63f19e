"""Every code block in README and docs is run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fastgpt_client.knowledge.settings import load_settings
from fastgpt_client.local import LocalServer
from fastgpt_client.local.script import Script

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
KINDS = {"python", "sh", "yaml", "toml", ""}  # "" is a drawing


def blocks(kind: str) -> list[object]:
    found: list[object] = []
    for page in PAGES:
        for number, match in enumerate(re.finditer(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S), 1):
            assert match[1] in KINDS, f"{page.name}: nobody runs {match[1]} blocks"
            if match[1] == kind and "import ray" not in match[2]:  # tests/knowledge/test_ray.py runs that
                found.append(pytest.param(match[2], id=f"{page.name}-{number}"))
    return found


@pytest.fixture(scope="module")
def example_server() -> object:
    with LocalServer(delay=0) as server:
        yield server


@pytest.fixture
def environment(example_server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTGPT_BASE_URL", example_server.base_url)
    monkeypatch.setenv("FASTGPT_API_KEY", example_server.api_key)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("The rules of the house.")
    (tmp_path / "faq.csv").write_text("q,a\nWho?,Me.\n")


@pytest.mark.parametrize("code", blocks("python"))
@pytest.mark.usefixtures("environment")
def test_python(code: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # files that it writes are no files of ours
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("code", blocks("yaml"))
def test_scripts(code: str) -> None:
    loaded = yaml.safe_load(code)
    if "jobs" not in loaded:
        assert Script.load(loaded).rules
        return
    [job] = loaded["jobs"].values()
    commands = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]
    assert {words[0] for words in commands} == {"pip", "mkdir", "fastgpt-client"}


@pytest.mark.parametrize("code", blocks("toml"))
def test_settings(code: str, tmp_path: Path) -> None:
    (tmp_path / "fastgpt-kb.toml").write_text(code)
    assert load_settings(tmp_path).chunks


@pytest.mark.parametrize("code", blocks("sh"))
@pytest.mark.usefixtures("environment")
def test_commands(code: str, tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "make":
            assert f"\n{words[1]}:" in makefile
        elif words[0] == "pip":
            assert words[1] == "install"
            assert (extra := re.search(r"\[(\w+)\]", line)) is None or f"\n{extra[1]} = [" in (
                ROOT / "pyproject.toml"
            ).read_text()
        else:
            assert words[0] == "fastgpt-client"
            lasting = words[1] in ("serve", "tui")  # their options are tried, they are not left running
            command = [
                sys.executable,
                "-W",
                "error",
                "-m",
                "fastgpt_client",
                *words[1:],
                *(["--help"] if lasting else []),
            ]
            done = subprocess.run(command, input="Hello!\n", capture_output=True, text=True, timeout=60, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            assert done.stdout or done.stderr


def test_the_pages_point_at_what_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if not target.startswith("http") and target != "CITE":  # [<id>](CITE) is what the page is about
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_both_readmes_have_the_same_examples() -> None:
    def shape(name: str) -> list[str]:
        text = (ROOT / name).read_text("utf-8")
        return re.findall(
            r"^from .*import.*$|^with .*:$|^asyncio.*$", "\n".join(re.findall(r"```python\n(.*?)```", text, re.S)), re.M
        )

    chinese = shape("README.zh-CN.md")
    assert shape("README.md")[: len(chinese)] == chinese
