from __future__ import annotations

import pytest

from fastgpt_client import ArgumentError, ChatClient, FastGPTClient, Timeout
from fastgpt_client._session import normalize_base_url

APP = "6b03fe80a84cf3a64ddda058"


@pytest.mark.parametrize(
    "given",
    [
        "http://host:3000",
        "http://host:3000/",
        "http://host:3000/api",
        "http://host:3000/api/",
        "http://host:3000/api/v1",
        "http://host:3000/api/v2/",
        "http://host:3000/v1",
        "http://host:3000/api/v1/chat/completions",
        " http://host:3000/api?x=1#y ",
    ],
)
def test_any_form_of_the_address(given: str) -> None:
    assert normalize_base_url(given) == "http://host:3000"


def test_a_path_in_front_of_the_api_stays() -> None:
    assert normalize_base_url("https://host/fastgpt/api/v1") == "https://host/fastgpt"


@pytest.mark.parametrize(
    "given", ["", "host", "localhost:3000", "ftp://host", "http://", "http://host:port", "http://h:99999999"]
)
def test_no_address(given: str) -> None:
    with pytest.raises(ArgumentError, match="base_url must look like http://localhost:3000") as caught:
        normalize_base_url(given)
    if given and "://" not in given:
        assert f"http://{given}" in str(caught.value)


def test_a_password_in_the_address_is_not_shown() -> None:
    with pytest.raises(ArgumentError) as caught:
        normalize_base_url("ftp://user:geheim@host")
    assert "geheim" not in str(caught.value)
    client = ChatClient("fastgpt-k", "http://user:geheim@host")
    assert "geheim" not in repr(client) + client.base_url


def test_the_environment_speaks_where_the_code_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTGPT_API_KEY", "fastgpt-env")
    monkeypatch.setenv("FASTGPT_BASE_URL", "http://env:1/api")
    monkeypatch.setenv("FASTGPT_APP_ID", "env-app")
    client = ChatClient()
    assert (client.base_url, client.app_id) == ("http://env:1", "env-app")
    assert client._session.headers["authorization"] == "Bearer fastgpt-env"
    client = ChatClient("fastgpt-code", "http://localhost:3000", app_id="code-app")
    assert (client.base_url, client.app_id) == ("http://localhost:3000", "code-app")
    assert client._session.headers["authorization"] == "Bearer fastgpt-code"


def test_an_app_at_the_end_of_the_key() -> None:
    client = ChatClient(f"fastgpt-abc-{APP}")
    assert client.app_id == APP
    assert client._session.headers["authorization"] == "Bearer fastgpt-abc"
    assert ChatClient(f"fastgpt-abc-{APP}", app_id="other").app_id == "other"


@pytest.mark.parametrize("key", ["", "  ", "two words", "schlüssel", "line\nbreak"])
def test_keys_that_cannot_be(key: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        ChatClient(key)
    assert not key.strip() or key not in str(caught.value)


def test_a_key_with_its_scheme() -> None:
    assert ChatClient("Bearer fastgpt-abc")._session.headers["authorization"] == "Bearer fastgpt-abc"


def test_no_key_in_any_repr() -> None:
    client = FastGPTClient("fastgpt-verysecret", app_id="x")
    shown = repr(client) + repr(client.chat) + repr(client.apps.app_id) + repr(client._session) + str(client._io)
    shown += repr(vars(client._session))  # as tools print it that show the variables of a traceback
    assert "verysecret" not in shown
    assert "app_id='x'" in repr(client)


def test_timeouts() -> None:
    assert Timeout.of(60) == Timeout(connect=15, reply=60, idle=60, total=None)
    assert Timeout.of(3) == Timeout(connect=3, reply=3, idle=3)
    assert Timeout.of(None) == Timeout(connect=None, reply=None, idle=None)
    own = Timeout(total=5)
    assert Timeout.of(own) is own


@pytest.mark.parametrize("value", [0, -1, "60", True, float("nan")])
def test_bad_timeouts(value: float) -> None:
    with pytest.raises(ArgumentError, match="timeout: connect must be a positive number"):
        ChatClient("k", timeout=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_retries", -1), ("max_retries", 1.5), ("max_retries", True), ("retry_delay", -1), ("retry_delay", "1")],
)
def test_bad_numbers(name: str, value: object) -> None:
    with pytest.raises(ArgumentError, match=f"{name} must be .* not {value!r}"):
        ChatClient("k", **{name: value})  # type: ignore[arg-type]


def test_a_copy_with_other_defaults() -> None:
    client = FastGPTClient("fastgpt-k", "http://host", app_id="one", headers={"X-A": "1"})
    copy = client.with_options(app_id="two", timeout=5, max_retries=0, retry_delay=0, headers={"X-B": "2"})
    assert (copy.app_id, client.app_id, copy.chat.app_id) == ("two", "one", "two")
    session = copy._session
    assert (session.timeout, session.max_retries, session.retry_delay) == (Timeout.of(5), 0, 0)
    assert (session.headers["x-a"], session.headers["x-b"]) == ("1", "2")
    assert "x-b" not in client._session.headers
    assert copy._io is client._io
    assert session.forms is client._session.forms
    assert client.with_options()._session.timeout == client._session.timeout
    with pytest.raises(ArgumentError, match="max_retries"):
        client.with_options(max_retries=-1)


def test_a_key_is_taken_out_of_what_is_shown() -> None:
    session = ChatClient("fastgpt-0123456789")._session
    assert session.redact("said fastgpt-0123456789-app") == "said fastgpt-***-app"
    short = ChatClient("k")._session
    assert short.redact("known: k, (k)") == "known: fastgpt-***, (fastgpt-***)"


def test_another_app_is_asked_for_anew() -> None:
    client = ChatClient("fastgpt-k", app_id="a")
    assert client.with_options(timeout=3)._session.inspected is client._session.inspected
    assert client.with_options(app_id="b")._session.inspected is not client._session.inspected
