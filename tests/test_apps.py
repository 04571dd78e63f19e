from __future__ import annotations

import datetime
from typing import Any

import pytest

from fastgpt_client import CommercialOnlyError, NotFoundError
from fastgpt_client.local import LocalServer

from .conftest import KEY, World, ask
from .wire import http, wire


def test_the_apps_and_their_logs(world: World) -> None:
    with LocalServer(api_keys=[KEY], apps=["one", "two:form"], delay=0) as server:
        client = world.make("FastGPTClient", KEY, server.base_url, app_id="one")
        assert {app.id: app.type for app in world(client.apps.list_apps()).data} == {"one": "simple", "two": "advanced"}
        for user in ("ann", "bob", "ann"):
            response = world(client.chat.create_chat_completion(ask("Hi"), customUid=user))
        world(
            client.chat.update_user_feedback(
                chatId=response.chatId, dataId=_answer(world, client, response), userBadFeedback="no"
            )
        )
        today = datetime.datetime.now(datetime.UTC).date()
        totals = world(client.apps.get_app_logs_totals()).data
        assert (totals.totalUsers, totals.totalChats) == (2, 3)
        chart = world(client.apps.get_app_logs_chart("one", today, today)).data
        assert chart.userData[0].summary.userCount == 2
        assert chart.userData[0].summary.sourceCountMap == {"api": 3}
        assert (chart.chatData[0].summary.chatCount, chart.chatData[0].summary.errorCount) == (3, 0)
        assert chart.appData[0].summary.badFeedBackCount == 1
        text = today.isoformat()
        nothing = world(client.apps.get_app_logs_chart("one", "2024-01-01", "2024-12-31", source=["share"])).data
        assert nothing.chatData == []
        logs = world(
            client.apps.list_app_logs(dateStart=text, dateEnd=datetime.datetime.now(datetime.UTC), sources=["api"])
        ).data
        assert (logs.total, {log.outLinkUid for log in logs.list}) == (3, {"ann", "bob"})
        users = world(client.apps.list_app_users(dateStart=today, dateEnd=today)).data.list
        assert {user.outLinkUid: user.count for user in users} == {"ann": 2, "bob": 1}


def _answer(world: World, client: Any, response: Any) -> str:
    return world(client.chat.get_chat_records(chatId=response.chatId)).data.list[1].dataId


def test_a_community_server_has_no_charts(world: World) -> None:
    with LocalServer(api_keys=[KEY], commercial=False) as server:
        apps = world.make("AppClient", KEY, server.base_url, app_id="local-app")
        with pytest.raises(CommercialOnlyError, match="commercial edition"):
            world(apps.get_app_logs_chart("local-app", "2026-01-01", "2026-01-31"))
        with pytest.raises(CommercialOnlyError):
            world(apps.get_app_logs_totals())


def test_datasets(world: World) -> None:
    listed = b'{"code":200,"data":[{"_id":"d1","name":"Docs","type":"dataset","vectorModel":{"model":"m"}}]}'
    one = b'{"code":200,"data":{"_id":"d1","name":"Docs","status":"active"}}'
    with wire([http(listed)], [http(one)], [http(b'{"code":501002,"statusText":"unExistDataset"}', 500)]) as server:
        client = world.make("FastGPTClient", KEY, server.url)
        assert [(each.id, each.name) for each in world(client.datasets.list_datasets()).data] == [("d1", "Docs")]
        response = world(client.datasets.get_dataset("d1"))
        assert (response.data.id, response.data.status, repr(response)) == ("d1", "active", "<Response [200]>")
        with pytest.raises(NotFoundError):
            world(client.datasets.get_dataset("d2"))
        assert server.paths() == [
            "POST /api/core/dataset/list",
            "GET /api/core/dataset/detail?id=d1",
            "GET /api/core/dataset/detail?id=d2",
        ]


def test_payloads_that_are_missing(world: World) -> None:
    with wire([http(b'{"code":200,"data":null}')]) as server:
        client = world.make("FastGPTClient", KEY, server.url, app_id="a")
        assert world(client.apps.list_apps()).data == []
        assert world(client.chat.get_chat_histories()).data.list == []
        assert world(client.chat.stop_chat("c")).data.success is False
        assert world(client.chat.delete_chat_history(chatId="c")).data is None


def test_an_envelope_that_says_no_with_http_200(world: World) -> None:
    with wire([http(b'{"code":502000,"statusText":"appUnExist","message":"","data":null}')]) as server:
        client = world.make("AppClient", KEY, server.url)
        with pytest.raises(NotFoundError):
            world(client.list_apps())


def test_a_knowledge_base_from_its_making_to_its_search(world: World) -> None:
    answers = [
        b'"d1"',
        b'{"collectionId":"c1","results":{"insertLen":0}}',
        b'{"insertLen":1}',
        b'{"list":[{"_id":"c1","name":"Rules","dataAmount":2}],"total":1}',
        b'{"list":[{"id":"x","q":"Paris","score":[{"type":"embedding","value":0.9,"index":0}]}],"limit":3000}',
        b"null",
    ]
    with wire(*([http(b'{"code":200,"data":' + data + b"}")] for data in answers)) as server:
        datasets = world.make("FastGPTClient", KEY, server.url).datasets
        dataset = world(datasets.create_dataset("Docs")).data
        made = world(datasets.create_text_collection(dataset, "Rules", "A text.", chunkSize=500)).data
        assert (dataset, made.collectionId, made.results.insertLen) == ("d1", "c1", 0)
        assert world(datasets.push_data(made.collectionId, [{"q": "Where?", "a": "Paris"}])).data.insertLen == 1
        assert [each.id for each in world(datasets.list_collections(dataset)).data.list] == ["c1"]
        found = world(datasets.search_dataset(dataset, "Where?", limit=3000)).data
        assert (found.list[0].q, found.list[0].score[0].value, found.limit) == ("Paris", 0.9, 3000)
        assert world(datasets.delete_collection("c1")).data is None
        assert server.paths() == [
            "POST /api/core/dataset/create",
            "POST /api/core/dataset/collection/create/text",
            "POST /api/core/dataset/data/pushData",
            "POST /api/core/dataset/collection/listV2",
            "POST /api/core/dataset/searchTest",
            "POST /api/core/dataset/collection/delete?id=c1",
        ]
