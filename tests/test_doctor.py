"""``fastgpt-client doctor`` against what goes wrong."""

from __future__ import annotations

import io
import json
import socket
import ssl
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from fastgpt_client.cli import doctor
from fastgpt_client.cli.app import app
from fastgpt_client.cli.doctor import Finding, show
from fastgpt_client.local import LocalServer

from .conftest import KEY
from .replay import replay
from .wire import http, wire

APP = "6b040579b401f464f425e7fb"
runner = CliRunner()


def run(url: str, *more: str, key: str | None = KEY, env: dict[str, str] | None = None) -> Result:
    keys = ["--api-key", key] if key else []
    done = runner.invoke(app, ["doctor", "--base-url", url, *keys, *more], env=env)
    shown = done.stdout + done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit), shown
    for secret in (KEY, KEY[8:], "geheim", "nutzer", "innen"):
        assert secret not in shown
    return done


def found(done: Result) -> dict[str, str]:
    """Topic → level, text and fix; the first finding of each."""
    lines: dict[str, str] = {}
    for line in done.stdout.splitlines():
        level, topic, text = line.split(maxsplit=2)
        lines.setdefault(topic, f"{level} {text}")
    return lines


def test_all_is_good() -> None:
    with replay("4.16.0") as server:
        done = run(server.url.replace("//", "//nutzer:geheim@") + "/api/v1", "--app", APP)
        assert done.exit_code == 1
        assert "note    address    it holds a login, which is sent instead of the key" in done.stdout
        done = run(f"{server.url}/api/v1", "--app", APP)
    assert done.exit_code == 0
    assert done.stderr == ""
    lines = found(done)
    assert lines["address"] == f"ok FastGPT answers at {server.url}"
    assert lines["version"] == "ok FastGPT at least 4.15.4 (inferred)"
    assert lines["edition"] == "ok community"
    assert lines["key"].startswith("ok accepted (fastgpt-***)")
    for topic in ("apps", "datasets", "chat", "histories", "logs"):
        assert lines[topic] == "ok may be read"
    assert lines["charts"].startswith("note commercial edition only | fix: ")
    assert lines["latency"].startswith("ok ")


def test_the_local_server_is_good(server: LocalServer) -> None:
    done = run(server.base_url, "--app", "app")
    assert done.exit_code == 0
    assert found(done)["chat"] == "ok may be read"


def test_older_servers_and_what_they_lack() -> None:
    with replay("4.14.4") as server:
        lines = found(run(server.url, "--app", APP))
        assert lines["version"] == "ok FastGPT at least 4.14.4, older than 4.14.5 (inferred)"
        assert lines["logs"].startswith("note may not be read (HTTP 500, 403, unAuthorization) | fix: needs 4.15.4")
        del server.answers["POST /api/core/dataset/list"]
        done = run(server.url)
        assert found(done)["datasets"] == "note this server does not have them"
        assert (
            found(done)["chat"] == "note no app is named, so chats are not checked | fix: --app ID, or FASTGPT_APP_ID"
        )
        assert done.exit_code == 0
        server.answers["POST /api/core/dataset/list"] = (500, '{"code":500,"message":"what innen says"}')
        done = run(server.url)
        assert found(done)["datasets"] == "problem the server refuses (HTTP 500, 500)"
        assert done.exit_code == 1


def test_whose_key_it_is() -> None:
    with replay("4.16.0") as server:
        assert "an account's key (fastgpt-***)" in found(run(server.url, "--key-kind"))["key"]
        server.answers["GET /api/support/openapi/health"] = (200, '{"code":200,"data":{"appId":"x"}}')
        lines = found(run(server.url, "--key-kind"))
        assert "an app's key (fastgpt-***)" in lines["key"]
        assert "chat" not in lines
        for path in ("POST /api/core/app/list", "POST /api/core/dataset/list"):
            server.answers[path] = (500, '{"code":500,"statusText":"error","message":"innen"}')
        lines = found(run(server.url))
        assert lines["key"].startswith("problem whether the key (fastgpt-***) is good cannot be seen")
        assert lines["apps"] == "problem the server refuses (HTTP 500, 500)"


def test_wrong_keys_and_none() -> None:
    with replay("4.14.4") as server:
        done = run(server.url, key="fastgpt-geheim")
        assert done.exit_code == 1
        assert found(done)["key"].startswith("problem the server does not accept the key (fastgpt-***). | fix: copy it")
        assert "apps" not in found(done)
        assert "the key of a model provider" in found(run(server.url, key="sk-geheim"))["key"]
        assert found(run(server.url, key="geheim"))["key"].startswith(
            "problem the server does not accept the key (***)"
        )
        done = run(server.url, key=None)
        assert done.exit_code == 1
        assert found(done)["key"] == "problem no key is given | fix: --api-key, or FASTGPT_API_KEY"


def test_an_unknown_app_is_told_once(server: LocalServer) -> None:
    done = run(server.base_url, "--app", "nope")
    assert done.exit_code == 1
    lines = found(done)
    assert lines["chat"].startswith("problem the app does not exist (HTTP 500, 502000, appUnExist) | fix: check appId")
    assert "histories" not in lines


def test_clocks_and_slow_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    with replay("4.16.0") as server:
        for ahead, said in ((3600.0, "ahead of"), (-3600.0, "behind")):
            server.clock_ahead = ahead
            done = run(server.url)
            assert done.exit_code == 1
            assert said in found(done)["clock"]
        server.clock_ahead = 30.0
        monkeypatch.setattr(doctor, "SLOW_SECONDS", 0.0)
        done = run(server.url)
        assert done.exit_code == 0
        assert found(done)["latency"].startswith("note the fastest answer took 0.0 s")


def test_addresses_that_are_nearly_right() -> None:
    with replay("4.16.0") as server:
        done = run(f"{server.url}/innen/app")
        assert done.exit_code == 1
        assert found(done)["address"].startswith(f"problem something answers at {server.url}/…, but not FastGPT's API")
        assert f"fix: use --base-url {server.url}" in done.stdout
        assert all("authorization" not in headers for headers in server.headers[-1:])
        done = run(server.url.replace("http:", "https:"))
        assert "problem TLS" in done.stdout
        assert f"FastGPT answers at {server.url}" in done.stdout


def test_other_addresses() -> None:
    assert doctor.other_addresses("https://nutzer:geheim@chat.example.com/app") == [
        "https://chat.example.com",
        "http://chat.example.com",
        "http://chat.example.com:3000",
    ]
    assert doctor.other_addresses("http://[::1]:3000") == ["https://[::1]:3000", "https://[::1]", "http://[::1]"]


PAGE = {"content-type": "text/html"}


def test_pages_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.3)
    with wire([http(b"<title>innen</title>", 404, PAGE)]) as server:
        done = run(server.url)
        assert done.exit_code == 1
        assert "but not FastGPT's API (HTTP 404)" in found(done)["address"]
    with wire([http(b"<title>innen</title>", 200, PAGE)]) as server:
        assert "but not FastGPT's API (HTTP 200)" in found(run(server.url))["address"]
    with wire([http(b"<title>innen</title>", 502, PAGE)]) as server:
        assert "something before FastGPT answers" in (line := found(run(server.url))["gateway"])
        assert "fix: the proxy in front of FastGPT could not reach it" in line
    with wire([http(b"", 200)]) as server:
        assert "but not FastGPT's API (HTTP 200)" in found(run(server.url))["address"]


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("http://nutzer:geheim@127.0.0.1:9/innen")
    assert done.exit_code == 1
    assert found(done)["network"].startswith("problem nothing listens at http://127.0.0.1:9/… | fix: start FastGPT")
    assert found(run("http://no.invalid"))["network"].startswith("problem the name of http://no.invalid is not known")
    with wire(["reset"]) as server:
        assert found(run(server.url))["network"].startswith(f"problem the connection to {server.url} broke")
    monkeypatch.setattr(doctor, "SECONDS", 0.3)
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert found(run(url))["network"].startswith(f"problem no answer from {url}")


def test_certificates(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    answer = http(b'{"code":200,"statusText":"","message":"","data":[]}', 200, {"content-type": "application/json"})
    with wire([answer], tls=context) as server:
        url = server.url.replace("http:", "https:")
        done = run(url)
        assert done.exit_code == 1
        assert "is not trusted (self-signed certificate)" in (line := found(done)["TLS"])
        assert "verify='/path/to/ca.pem'" in line
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))  # what the fix says
        assert found(run(url))["address"] == f"ok FastGPT answers at {url}"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("certificate has expired", "has expired"),
        ("Hostname mismatch, certificate is not valid for 'a'.", "is for another host"),
        ("unable to get local issuer certificate", "is not trusted (unable to get local issuer certificate)"),
    ],
)
def test_what_is_wrong_with_a_certificate(reason: str, said: str) -> None:
    text, fix = doctor.untrusted("https://a", reason)
    assert said in text
    assert fix


def test_proxies() -> None:
    with replay("4.16.0") as server:  # as a proxy it answers for everybody
        done = run("http://fastgpt.invalid", env={"HTTP_PROXY": server.url})
        assert done.exit_code == 0
        assert found(done)["proxy"] == "note requests go through a proxy, by HTTP_PROXY"
        assert server.requests[0].startswith("POST http://fastgpt.invalid/api/")
        done = run(server.url, env={"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"})
        assert done.exit_code == 0
        assert "proxy" not in found(done)
    done = run("http://fastgpt.invalid", env={"ALL_PROXY": "http://nutzer:geheim@127.0.0.1:9"})
    assert done.exit_code == 1
    problem, note, *_ = [line for line in done.stdout.splitlines() if " proxy " in line]
    assert "the proxy before http://fastgpt.invalid cannot be used" in problem
    assert "by ALL_PROXY | fix: for a server that is reached directly set NO_PROXY=fastgpt.invalid" in note


def test_a_proxy_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    with replay("4.16.0") as server:
        monkeypatch.setattr("urllib.request.getproxies", lambda: {"http": server.url})
        assert found(run(server.url))["proxy"].endswith("by the system's settings")


def test_for_machines() -> None:
    with replay("4.16.0") as server:
        done = run(server.url, "--app", APP, "--json")
        said = json.loads(done.stdout)
        assert done.exit_code == 0
        assert said["ok"] is True
        assert said["findings"][0] == {
            "level": "ok",
            "topic": "address",
            "text": f"FastGPT answers at {server.url}",
            "fix": "",
        }
        assert said["server"]["since"] == "4.15.4"
        assert said["server"]["inferred"] == ["since"]
        assert said["server"]["checks"]["charts"] == "HTTP 500, 500"
        assert "POST /core/dataset/list" in said["server"]["operations"]
    done = run("http://127.0.0.1:9", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["server"] is None


def test_used_wrongly() -> None:
    for url, key in (("nonsense", KEY), ("http://nutzer:geheim@:x", KEY), ("http://127.0.0.1:9", "two words")):
        done = run(url, key=key)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert done.stderr
    assert runner.invoke(app, ["doctor", "--nonsense"]).exit_code == 2


def test_on_a_terminal() -> None:
    out = Console(
        file=io.StringIO(), force_terminal=True, width=60, highlight=False, record=True, color_system="standard"
    )
    long = "a fix that is longer than the line, so that it must be broken somewhere, without losing a word"
    show([Finding("ok", "address", "at http://[::1]:3000"), Finding("problem", "key", "wrong", long)], out)
    shown = out.export_text(clear=False)
    assert "✓  address  at http://[::1]:3000" in shown
    assert "✗  key      wrong" in shown
    assert " ".join(shown.partition("→ ")[2].split()) == long
    assert "\x1b[31m✗" in out.export_text(styles=True)
