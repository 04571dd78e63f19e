"""What the answers about knowledge bases share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import wire
from ..logs import TMB_ID

if TYPE_CHECKING:
    from ..calls import Call
    from .store import Collection, Data, Dataset, KnowledgeStore

TEAM_ID = "000000000000000000000002"
_ALL = 2**32 - 1
_LIMIT = 30


def permission(call: Call, *, new: bool = False) -> dict[str, Any]:
    """All rights; FastGPT's `new` endpoints name one of them later."""
    has = ("ManagePer", "WritePer", "ReadPer", "ManageRole", "WriteRole", "ReadRole")
    values, older = {"read": 4, "write": 2, "manage": 1}, {"read": 4, "write": 6, "manage": 7}
    roles: dict[str, Any] = {}
    older_roles: dict[str, Any] = {}
    for name, value in values.items():
        title = f"common:permission.{'manager' if name == 'manage' else name}"
        described = {"name": title, "description": f"dataset:permission.des.{name}"}
        roles[name] = {**described, "value": value, "checkBoxType": "single"}
        older_roles[name] = {**roles[name], "description": "", "value": older[name]}
    shown: dict[str, Any] = {"role": _ALL} if new else {"role": _ALL, "permission": _ALL}
    shown |= {"isOwner": True, **{f"has{name}": True for name in has}}
    if new:
        shown["permission"] = _ALL
    shown |= {"roleList": roles, "perList": {"owner": _ALL, **values}, "rolePerMap": {}}
    return call.state.version.permission({**shown, "value": _ALL, "_permissionList": older_roles})


def dataset_of(call: Call, key: Any) -> Dataset:
    """The knowledge base that is meant."""
    dataset = call.state.knowledge.dataset(str(key or ""))
    if dataset is None:
        raise wire.unknown_dataset()
    return dataset


def collection_of(call: Call, key: Any) -> Collection:
    """The collection that is meant."""
    collection = call.state.knowledge.collection(str(key or ""))
    if collection is None:
        raise wire.unknown_collection()
    return collection


def data_of(call: Call, key: Any) -> Data:
    """The chunk that is meant."""
    data = call.state.knowledge.data(str(key or ""))
    if data is None or call.state.knowledge.collection(data.collectionId) is None:
        raise wire.unknown_data()
    return data


def page(call: Call, most: int = _LIMIT) -> tuple[int, int]:
    """Where the page that is asked for starts, and its size."""
    size = min(call.number("pageSize", 10), most)
    return call.number("offset", 0) or (max(1, call.number("pageNum", 1)) - 1) * size, size


def raw_dataset(call: Call, dataset: Dataset) -> dict[str, Any]:
    """A knowledge base as the database has it."""
    shown = {
        "_id": dataset.id,
        "parentId": dataset.parentId,
        "teamId": TEAM_ID,
        "tmbId": TMB_ID,
        "updateTime": wire.iso(dataset.updateTime),
        "inheritPermission": True,
        "avatar": dataset.avatar,
        "name": dataset.name,
        "intro": dataset.intro,
        "type": dataset.type,
        "vectorModel": dataset.vectorModel,
        "agentModel": dataset.agentModel,
        "vlmModel": dataset.vlmModel,
        **dataset.settings,
        "deleteTime": None,
        "__v": 0,
    }
    return call.state.version.dataset(shown)


def source_of(collection: Collection) -> dict[str, Any]:
    """Name and origin of a collection, as chunks show them."""
    origin = collection.fileId or collection.rawLink
    return {"sourceName": collection.name, **({"sourceId": origin} if origin else {})}


def raw_collection(store: KnowledgeStore, collection: Collection, *, names: bool = False) -> dict[str, Any]:
    """A collection as the database has it, whatever the version: its tags by id, or by name."""
    shown: dict[str, Any] = {
        "_id": collection.id,
        "teamId": TEAM_ID,
        "tmbId": TMB_ID,
        "datasetId": collection.datasetId,
        "parentId": collection.parentId,
        "name": collection.name,
        "type": collection.type,
        "tags": store.tag_names(collection.tags or ()) if names else collection.tags,
        "createTime": wire.iso(collection.createTime),
        "updateTime": wire.iso(collection.updateTime),
        "forbid": collection.forbid,
        "fileId": collection.fileId,
        "rawLink": collection.rawLink,
        "rawTextLength": collection.rawTextLength,
        "hashRawText": collection.hashRawText,
        "trainingType": collection.trainingType,
        "metadata": collection.metadata or None,
        "__v": 0,
    }
    if collection.tags is None:
        del shown["tags"]
    return {name: value for name, value in shown.items() if value is not None or name == "parentId"}
