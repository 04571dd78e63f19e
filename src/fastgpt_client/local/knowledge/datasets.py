"""Endpoints of knowledge bases: `/core/dataset/…`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import wire
from ..endpoints import Endpoint
from ..logs import MEMBER, TMB_ID
from .shapes import dataset_of, permission, raw_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..calls import Call
    from .store import Dataset

_FOLDER = "/imgs/files/folder.svg"
_SETTINGS = ("websiteConfig", "externalReadUrl", "apiDatasetServer", "autoSync", "chunkSettings")
_MODELS = ("vectorModel", "agentModel", "vlmModel")


def _models(call: Call) -> dict[str, str]:
    """The models that are asked for, by name or id; whatever they are called, the server's own do the work."""
    embedder = call.state.embedder
    own = {"vectorModel": embedder.name if embedder else "local-embedding"}
    default = {name: own.get(name, call.state.model.name) for name in _MODELS}
    return {name: str(call.params.get(name) or call.params.get(f"{name}Id") or default[name]) for name in _MODELS}


def create(call: Call, _: None) -> str:
    """Make a knowledge base, or a folder of them."""
    params = call.params
    parent = params.get("parentId") or None
    if parent is not None:
        dataset_of(call, parent)
    settings = {name: params[name] for name in _SETTINGS if params.get(name) is not None}
    named = {name: params.get(name) or "" for name in ("name", "intro", "avatar")}
    named["type"] = params.get("type") or "dataset"
    return call.state.knowledge.add_dataset(settings, parentId=parent, **named, **_models(call))


def create_folder(call: Call, _: None) -> None:
    """Make a folder; its id is not told."""
    call.params = {**call.params, "type": "folder", "avatar": _FOLDER}
    create(call, _)


def _vector_model(call: Call, name: str) -> dict[str, Any]:
    known = {"type": "embedding", "provider": "OpenAI", "model": name, "name": name}
    numbers = {"defaultToken": 512, "maxToken": 3000, "weight": 100}
    shown = {**known, **numbers, "isActive": True, "avatar": "/imgs/x.svg", "isCustom": False}
    return call.state.version.vector_model(shown)


def _language_model(name: str) -> dict[str, Any]:
    known = {"type": "llm", "provider": "OpenAI", "model": name, "name": name}
    numbers = {"maxContext": 16000, "maxResponse": 4000, "quoteMaxToken": 13000, "maxTemperature": 1}
    return {**known, **numbers, "isActive": True, "avatar": "/imgs/x.svg", "isCustom": False}


def _row(call: Call, dataset: Dataset) -> dict[str, Any]:
    return {
        "_id": dataset.id,
        "avatar": dataset.avatar,
        "name": dataset.name,
        "intro": dataset.intro,
        "type": dataset.type,
        "vectorModel": _vector_model(call, dataset.vectorModel),
        "inheritPermission": True,
        "tmbId": TMB_ID,
        "updateTime": wire.iso(dataset.updateTime),
        "permission": permission(call),
        "private": True,
        "sourceMember": MEMBER,
    }


def list_datasets(call: Call, _: None) -> list[dict[str, Any]]:
    """What is in a folder."""
    params = call.params
    found = call.state.knowledge.datasets(
        params.get("parentId") or None, str(params.get("searchKey") or ""), params.get("type")
    )
    return [_row(call, dataset) for dataset in found]


def detail(call: Call, _: None) -> dict[str, Any]:
    """One knowledge base, its models in full."""
    dataset = dataset_of(call, call.params["id"])
    models = {name: _language_model(getattr(dataset, name)) for name in _MODELS}
    models["vectorModel"] = _vector_model(call, dataset.vectorModel)
    return {**raw_dataset(call, dataset), **models, "status": "active", "permission": permission(call)}


def update(call: Call, _: None) -> None:
    """Change a knowledge base; what is left out stays."""
    params, dataset = call.params, dataset_of(call, call.params["id"])
    columns = {name: params[name] for name in ("name", "intro", "avatar") if params.get(name) is not None}
    for name in ("agentModel", "vlmModel"):
        if model := params.get(name) or params.get(f"{name}Id"):
            columns[name] = str(model)
    if "parentId" in params:
        columns["parentId"] = params["parentId"] or None
        _check_move(call, [dataset.id], columns["parentId"])
    settings = {name: params[name] for name in _SETTINGS if params.get(name) is not None}
    call.state.knowledge.update_dataset(dataset.id, {**dataset.settings, **settings}, **columns)


def _check_move(call: Call, ids: Sequence[str], parent: str | None) -> None:
    if parent is not None:
        dataset_of(call, parent)
        if any(parent in call.state.knowledge.datasets_inside(each) for each in ids):
            raise wire.user_error("A folder cannot be moved into itself")


def delete(call: Call, _: None) -> None:
    """Delete a knowledge base with all that is in it."""
    store, key = call.state.knowledge, call.params["id"]
    if not (call.state.version.forgives_deleting and store.was_dataset(key)):
        store.delete_datasets(store.datasets_inside(dataset_of(call, key).id))
        call.state.training.wake()


def _batch(call: Call) -> tuple[list[str], list[str]]:
    """The ids that are there, and those that are not."""
    ids = [str(key) for key in call.params["ids"]]
    good = [key for key in ids if call.state.knowledge.dataset(key) is not None]
    return good, [key for key in ids if key not in good]


def move_many(call: Call, _: None) -> dict[str, Any]:
    """Move several to a folder."""
    good, bad = _batch(call)
    parent = call.params.get("parentId") or None
    _check_move(call, good, parent)
    for key in good:
        call.state.knowledge.update_dataset(key, parentId=parent)
    return {"successIds": good, "failedIds": bad, "affectedIds": good}


def delete_many(call: Call, _: None) -> dict[str, Any]:
    """Delete several, with all that is in them."""
    good, bad = _batch(call)
    store = call.state.knowledge
    inside = list(dict.fromkeys(each for key in good for each in store.datasets_inside(key)))
    store.delete_datasets(inside)
    call.state.training.wake()
    return {"successIds": good, "failedIds": bad, "affectedIds": inside}


def not_for_keys(call: Call, _: None) -> None:
    """FastGPT answers this to its own web pages only."""
    raise wire.unauthorized()


def create_usage(call: Call, _: None) -> str:
    """A bill for training; nothing is ever put on it."""
    dataset_of(call, call.params["datasetId"])
    return wire.object_id()


def no_outside_files(call: Call, _: None) -> None:
    """Files of outside services are not read here."""
    dataset_of(call, call.params.get("datasetId"))
    raise wire.user_error("The local server reads no outside file services")


def imported_files(call: Call, _: None) -> list[str]:
    """Which files of outside services are in: never one."""
    dataset_of(call, call.params["datasetId"])
    return []


ENDPOINTS: dict[str, Endpoint] = {
    "/core/dataset/create": Endpoint(
        create, "body", "name:string intro:string avatar:string type?:string parentId?:id", about_app=False
    ),
    "/core/dataset/folder/create": Endpoint(
        create_folder, "body", "name:string intro:string parentId?:id", about_app=False
    ),
    "/core/dataset/list": Endpoint(
        list_datasets, "body", "parentId?:id searchKey?:string type?:string", about_app=False
    ),
    "/core/dataset/detail": Endpoint(detail, "query", "id:id", about_app=False, verb="get"),
    "/core/dataset/update": Endpoint(
        update, "body", "id:id name?:string intro?:string avatar?:string parentId?:id", about_app=False, verb="put"
    ),
    "/core/dataset/delete": Endpoint(delete, "query", "id:id", about_app=False, verb="delete"),
    "/core/dataset/batch/move": Endpoint(move_many, "body", "ids:array parentId?:id", about_app=False),
    "/core/dataset/batch/delete": Endpoint(delete_many, "body", "ids:array", about_app=False),
    "/core/dataset/apiDataset/list": Endpoint(no_outside_files, "body", "datasetId:id", about_app=False),
    "/core/dataset/apiDataset/getPathNames": Endpoint(no_outside_files, "body", "datasetId:id", about_app=False),
    "/core/dataset/apiDataset/listExistId": Endpoint(
        imported_files, "query", "datasetId:id", about_app=False, verb="get"
    ),
    "/support/wallet/usage/createTrainingUsage": Endpoint(
        create_usage, "body", "name:string datasetId:id", about_app=False
    ),
    **{
        f"/core/dataset/{name}": Endpoint(not_for_keys, "both", about_app=False)
        for name in ("paths", "exportAll", "getPermission", "collection/paths")
    },
}
