from __future__ import annotations

import asyncio

import pytest

from fastgpt_client import AsyncDatasetClient
from fastgpt_client.errors import ArgumentError, AuthenticationError
from fastgpt_client.knowledge import (
    AmbiguousBaseError,
    UnknownBaseError,
    create_base,
    ensure_base,
    find_base,
    iter_bases,
    run_blocking,
)
from fastgpt_client.local import LocalServer

from ..conftest import KEY
from ..wire import http, wire
from .conftest import Go, going, running


def test_by_name_path_and_id_on_every_version(every_version: LocalServer) -> None:
    go = running(every_version)
    made = go(lambda client: create_base(client, "Handbook", folder="Staff/Europe", intro="rules"))
    assert made.path == "Staff/Europe/Handbook"
    for name in ("Handbook", "Staff/Europe/Handbook", made.id):
        found = go(lambda client, name=name: find_base(client, name))
        assert (found.id, found.name, found.intro) == (made.id, "Handbook", "rules")
    assert go(lambda client: find_base(client, "Handbook")).path == made.path


def test_folders_are_made_once_and_are_no_bases(go: Go) -> None:
    go(lambda client: create_base(client, "First", folder="Shared"))
    go(lambda client: create_base(client, "Second", folder="/Shared/"))

    async def paths(client: AsyncDatasetClient) -> list[str]:
        return [base.path async for base in iter_bases(client)]

    found = go(paths)
    assert found.count("Shared") == 1
    assert {"Shared/First", "Shared/Second"} <= set(found)
    with pytest.raises(UnknownBaseError):
        go(lambda client: find_base(client, "Shared"))


def test_a_name_of_several(go: Go) -> None:
    top = go(lambda client: create_base(client, "Twin"))
    below = go(lambda client: create_base(client, "Twin", folder="Below"))
    assert go(lambda client: find_base(client, "Below/Twin")).id == below.id
    assert go(lambda client: find_base(client, "Twin")).id == top.id  # the whole path counts before a mere name
    other = go(lambda client: create_base(client, "Twin", folder="Other"))
    go(lambda client: client.delete_dataset(top.id))
    with pytest.raises(AmbiguousBaseError, match=f"\n  Below/Twin \\({below.id}\\)") as caught:
        go(lambda client: find_base(client, "Twin"))
    assert {base.id for base in caught.value.bases} == {below.id, other.id}
    with pytest.raises(AmbiguousBaseError):
        go(lambda client: ensure_base(client, "Twin"))


def test_none_of_this_name(go: Go) -> None:
    go(lambda client: create_base(client, "Glossary"))
    with pytest.raises(UnknownBaseError, match="'Glosary'; did you mean 'Glossary'"):
        go(lambda client: find_base(client, "Glosary"))
    with pytest.raises(UnknownBaseError, match="others are there"):
        go(lambda client: find_base(client, "§§§§"))
    with pytest.raises(UnknownBaseError, match="with the id"):
        go(lambda client: ensure_base(client, "0" * 24))
    with pytest.raises(ArgumentError, match="must not be empty"):
        go(lambda client: find_base(client, ""))


def test_ensured(go: Go) -> None:
    made = go(lambda client: ensure_base(client, "New/Ensured"))
    assert made.path == "New/Ensured"
    assert go(lambda client: ensure_base(client, "Ensured")).id == made.id
    assert go(lambda client: ensure_base(client, "Ensured top")).path == "Ensured top"
    with pytest.raises(UnknownBaseError):
        go(lambda client: ensure_base(client, "Not there", create=False))


def test_a_server_that_ignores_folders_leads_nowhere() -> None:
    row = '{"_id":"6b0406edfb4dd32b7af5cca3","name":"F","type":"folder"}'
    with wire([http(f'{{"code":200,"data":[{row}]}}'.encode())]) as server:

        async def paths(client: AsyncDatasetClient) -> list[str]:
            return [base.path async for base in iter_bases(client)]

        assert going(paths, server.url) == ["F", "F/F"]


def test_blocking_also_inside_a_running_loop(knowledge_server: LocalServer) -> None:
    async def inside() -> str:
        return run_blocking(lambda client: ensure_base(client, "Inside"), KEY, knowledge_server.base_url).name

    assert asyncio.run(inside()) == "Inside"
    with pytest.raises(AuthenticationError):
        run_blocking(lambda client: client.list_datasets(), "fastgpt-wrongwrongwrong", knowledge_server.base_url)
