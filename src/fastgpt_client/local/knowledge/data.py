"""Endpoints of chunks and of their training: `/core/dataset/data/…`, `/core/dataset/training/…`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .. import wire
from ..endpoints import Endpoint
from ..logs import TMB_ID
from .collections import add_images, check_images
from .embeddings import EmbeddingError
from .shapes import TEAM_ID, collection_of, data_of, dataset_of, page, raw_collection, source_of
from .training import default_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..calls import Call
    from .store import Data, Step

_MAX_ROWS = 200
_MODES = {"chunk": "chunk", "qa": "qa", "imageParse": "imageParse"}


def _texts(value: Any, path: str) -> list[dict[str, Any]]:
    """The texts that a chunk is to be found by, as a caller gives them."""
    if value is None:
        return []
    if not wire.is_list(value):
        raise wire.InvalidError([wire.expected("array", value, path)])
    found: list[dict[str, Any]] = []
    for at, item in enumerate(value):
        text = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        if not isinstance(text.get("text"), str):
            raise wire.InvalidError([wire.expected("string", text.get("text", wire.MISSING), path, at, "text")])
        if text["text"].strip():
            found.append({name: text[name] for name in ("type", "dataId", "text") if text.get(name)})
    return found


# --- putting in -------------------------------------------------------------------------------------------------------


def push(call: Call, _: None) -> dict[str, int]:
    """Put chunks in line."""
    params = call.params
    collection = collection_of(call, params["collectionId"])
    if len(params["data"]) > _MAX_ROWS:
        raise wire.InvalidError([wire.too_many(_MAX_ROWS, "data")])
    mode = _MODES.get(str(params.get("trainingType") or params.get("trainingMode")), "chunk")
    base: dict[str, Any] = {"datasetId": collection.datasetId, "collectionId": collection.id, "mode": mode}
    base["indexSize"] = params.get("indexSize") or 512
    steps: list[dict[str, Any]] = []
    for at, item in enumerate(params["data"]):
        if not isinstance(item, dict):
            raise wire.InvalidError([wire.expected("object", item, "data", at)])
        row = cast("dict[str, Any]", item)
        q, a = (str(row.get(name) or "") for name in ("q", "a"))
        if q or row.get("imageId"):
            index = {"chunkIndex": row.get("chunkIndex") or 0, "imageId": row.get("imageId")}
            steps.append({**base, "q": q, "a": a, **index, "indexes": _texts(row.get("indexes"), "indexes")})
    return {"insertLen": call.state.training.add(steps)}


async def insert(call: Call, _: None) -> str:
    """Put in one chunk, and index it at once."""
    params, store = call.params, call.state.knowledge
    collection = collection_of(call, params["collectionId"])
    q, a = params["q"], params.get("a") or ""
    texts = [*default_texts(q, a, 512), *_texts(params.get("indexes"), "indexes")]
    vectors = await _vectors(call, texts)
    if store.has_data(collection.id, q, a):
        raise wire.ApiError("已经存在完全一致的数据")
    row = {"datasetId": collection.datasetId, "collectionId": collection.id, "q": q, "a": a}
    row |= {"chunkIndex": params.get("chunkIndex") or 0, "imageId": params.get("imageId")}
    with store.transaction():
        data = store.add_data(row, texts)
        store.set_vectors(data, vectors)
    return data.id


async def _vectors(call: Call, texts: Iterable[dict[str, Any]]) -> dict[str, bytes]:
    if call.state.embedder is None:
        return {}
    try:
        return await call.state.embedder.vectors(list(dict.fromkeys(text["text"] for text in texts)))
    except EmbeddingError as exc:
        raise wire.ApiError(str(exc)) from None


def insert_images(call: Call, _: None) -> None:
    """Put pictures into a collection."""
    collection = collection_of(call, call.params.get("collectionId"))
    check_images(call)
    call.params["datasetId"] = collection.datasetId
    add_images(call, collection.id)


# --- reading ----------------------------------------------------------------------------------------------------------


def list_data(call: Call, _: None) -> dict[str, Any]:
    """A page of chunks."""
    collection = collection_of(call, call.params["collectionId"])
    search = str(call.params.get("searchText") or "")
    found, total = call.state.knowledge.data_page(collection.id, *page(call), search)
    rows = [call.state.version.data_row(_row(data)) for data in found]
    return call.state.version.pages({"total": total, "list": rows})


def list_old(call: Call, _: None) -> dict[str, Any]:
    """The same, as it was before."""
    shown = list_data(call, _)
    for row in shown["list"]:
        row.pop("teamId", None)
    return shown


def _row(data: Data) -> dict[str, Any]:
    place = {"_id": data.id, "teamId": TEAM_ID, "datasetId": data.datasetId, "collectionId": data.collectionId}
    row = {**place, "q": data.q, "a": data.a, "chunkIndex": data.chunkIndex}
    return row if data.imageId is None else {**row, "imageId": data.imageId}


def detail(call: Call, _: None) -> dict[str, Any]:
    """One chunk, with the texts that it is found by."""
    data = data_of(call, call.params["id"])
    version, picture = call.state.version, {"imageId": data.imageId} if data.imageId is not None else {}
    number = int(data.id, 16)
    indexes = [version.data_index({**index, "_id": f"{number + at:x}"}) for at, index in enumerate(data.indexes, 1)]
    shown = {
        "q": data.q,
        "a": data.a,
        **picture,
        "id": data.id,
        "teamId": TEAM_ID,
        "datasetId": data.datasetId,
        "collectionId": data.collectionId,
        "updateTime": wire.iso(data.updateTime),
        **source_of(collection_of(call, data.collectionId)),
        "chunkIndex": data.chunkIndex,
        "indexes": indexes,
        "isOwner": True,
    }
    return version.data(shown)


def quote(call: Call, _: None) -> dict[str, Any]:
    """A cited chunk, and its collection."""
    data = data_of(call, call.params["id"])
    version, collection = call.state.version, collection_of(call, data.collectionId)
    shown = version.raw_collection(raw_collection(call.state.knowledge, collection))
    return version.data_quote({"q": data.q, **({"a": data.a} if data.a else {}), "collection": shown})


def rights(call: Call, _: None) -> dict[str, Any]:
    """What the caller may do with a chunk: everything."""
    dataset = dataset_of(call, data_of(call, call.params["id"]).datasetId)
    return {"datasetName": dataset.name, "permission": {"hasWritePer": True, "hasReadPer": True}}


# --- changing ---------------------------------------------------------------------------------------------------------


async def _index(call: Call, data: Data, texts: list[dict[str, Any]], *, said: bool = False) -> Data:
    """Replace the texts that a chunk is found by, and with `said` also what it says."""
    vectors = await _vectors(call, texts)
    store = call.state.knowledge
    with store.transaction():
        if said:
            store.change_data(data)
        data = store.set_indexes(data, texts)
        store.set_vectors(data, vectors)
    return data


async def update(call: Call, _: None) -> dict[str, Any] | None:
    """Change a chunk. Texts that it was found by and that are not named go, but for those of what it says."""
    params, old = call.params, data_of(call, call.params["dataId"])
    q = params["q"] if params.get("q") is not None else old.q
    a = params["a"] if params.get("a") is not None else old.a
    kept = {index["text"]: index for index in old.indexes if index["type"] == "default"}
    default = [kept.get(text["text"], text) for text in default_texts(q, a, 512)]
    known = {text["text"] for text in default}
    given = [text for text in _texts(params.get("indexes"), "indexes") if text.get("type") != "default"]
    data = old._replace(q=q, a=a, imageId=params.get("imageId") or old.imageId)
    await _index(call, data, [*default, *(text for text in given if text["text"] not in known)], said=True)
    return {"q": q, **({"a": a} if a else {})} if call.state.version.tells_updates else None


def delete(call: Call, _: None) -> str | None:
    """Delete a chunk."""
    call.state.knowledge.delete_data(data_of(call, call.params["id"]))
    return call.state.version.data_deleted


def _of_data(call: Call) -> tuple[Data, dict[str, Any]]:
    """A chunk, and one of the texts that it is found by."""
    data = data_of(call, call.params["dataId"])
    index = next((index for index in data.indexes if index["dataId"] == call.params["indexDataId"]), None)
    if index is None:
        raise wire.unknown_data()
    return data, index


async def create_index(call: Call, _: None) -> dict[str, Any]:
    """Give a chunk one more text that it is found by."""
    data = data_of(call, call.params["dataId"])
    text = {"type": call.params.get("type") or "custom", "text": call.params["text"]}
    return {"index": (await _index(call, data, [*data.indexes, text])).indexes[-1]}


async def update_index(call: Call, _: None) -> dict[str, Any]:
    """Change one of the texts that a chunk is found by."""
    data, index = _of_data(call)
    changed = {**index, "text": call.params["text"]}
    await _index(call, data, [changed if each == index else each for each in data.indexes])
    return {"index": changed}


async def delete_index(call: Call, _: None) -> None:
    """Take one of the texts away that a chunk is found by."""
    data, index = _of_data(call)
    await _index(call, data, [each for each in data.indexes if each != index])


# --- training ---------------------------------------------------------------------------------------------------------


def _step(step: Step) -> dict[str, Any]:
    """A step as the database has it."""
    shown: dict[str, Any] = {
        "_id": step.id,
        "teamId": TEAM_ID,
        "tmbId": TMB_ID,
        "datasetId": step.datasetId,
        "collectionId": step.collectionId,
        "mode": step.mode,
        "dataId": step.dataId,
        "imageId": step.imageId,
        "q": step.q,
        "a": step.a,
        "chunkIndex": step.chunkIndex,
        "indexes": step.indexes,
        "retryCount": 0 if step.errorMsg is not None else 5,
        "lockTime": wire.iso(step.dueTime),
        "errorMsg": step.errorMsg,
    }
    return {name: value for name, value in shown.items() if value is not None}


def queue(call: Call, _: None) -> dict[str, int]:
    """How much of a knowledge base waits."""
    rebuilding, training = call.state.knowledge.queue(dataset_of(call, call.params["datasetId"]).id)
    return {"rebuildingCount": rebuilding, "trainingCount": training}


def list_errors(call: Call, _: None) -> dict[str, Any]:
    """A page of the failed steps of a collection."""
    found, total = call.state.knowledge.failed(collection_of(call, call.params["collectionId"]).id, *page(call))
    return {"list": [_step(step) for step in found], "total": total}


def list_dataset_errors(call: Call, _: None) -> dict[str, Any]:
    """A page of the collections with failed steps, each with some of them."""
    store, dataset = call.state.knowledge, dataset_of(call, call.params["datasetId"])
    start, size = call.number("itemOffset", 0), min(call.number("itemPageSize", 5), 20)
    wanted = call.params.get("collectionId")
    ids, total = ([wanted], 1) if wanted else store.failed_collections(dataset.id, *page(call, 20))
    rows: list[dict[str, Any]] = []
    for key in ids:
        collection = collection_of(call, key)
        steps, count = store.failed(collection.id, start, size)
        shown = {
            "collection": call.state.version.raw_collection(raw_collection(store, collection)),
            "items": [_step(step) for step in steps],
        }
        rows.append({**shown, "errorCount": count, "hasMoreItems": count > start + len(steps)})
    return {"list": rows, "total": total}


def has_errors(call: Call, _: None) -> dict[str, bool]:
    """Whether some step of a knowledge base has failed."""
    return {
        "hasError": call.state.knowledge.failed_collections(dataset_of(call, call.params["datasetId"]).id, 0, 1)[1] > 0
    }


def _step_of(call: Call) -> Step:
    collection = collection_of(call, call.params.get("collectionId"))
    step = call.state.knowledge.step(str(call.params["dataId"]))
    if step is None or step.collectionId != collection.id:
        raise wire.unknown_data()
    return step


def step_detail(call: Call, _: None) -> dict[str, Any]:
    """One step."""
    step = _step_of(call)
    place = {"_id": step.id, "datasetId": step.datasetId, "collectionId": step.collectionId, "mode": step.mode}
    return {**place, "q": step.q, "a": step.a}


def update_step(call: Call, _: None) -> None:
    """Change a step and try it again; without one, try all failed ones again."""
    params, store, due = call.params, call.state.knowledge, call.state.training.due()
    if params.get("dataId"):
        names = ("q", "a", "chunkIndex")
        given = {name: params[name] for name in names if params.get(name) is not None}
        store.update_step(_step_of(call).id, **given, errorMsg=None, dueTime=due)
    elif params.get("collectionId"):
        store.retry("collectionId", collection_of(call, params["collectionId"]).id, due)
    else:
        store.retry("datasetId", dataset_of(call, params.get("datasetId")).id, due)
    call.state.training.wake()


def delete_step(call: Call, _: None) -> None:
    """Give a step up."""
    call.state.knowledge.end_step(_step_of(call).id)


def rebuild(call: Call, _: None) -> None:
    """Index a whole knowledge base anew."""
    dataset, model = (
        dataset_of(call, call.params["datasetId"]),
        call.params.get("vectorModel") or call.params.get("vectorModelId"),
    )
    if not model:
        raise wire.missing_params()
    store = call.state.knowledge
    with store.transaction():
        store.update_dataset(dataset.id, vectorModel=str(model))
        store.add_rebuild(dataset.id, call.state.training.due())
    call.state.training.wake()


_DATA, _TRAINING = "/core/dataset/data", "/core/dataset/training"
_STEP = "collectionId:id dataId:id"
ENDPOINTS: dict[str, Endpoint] = {
    f"{_DATA}/pushData": Endpoint(push, "body", "collectionId:id data:array indexSize?:number", about_app=False),
    f"{_DATA}/insertData": Endpoint(
        insert, "body", "collectionId:id q:string a?:string chunkIndex?:number imageId?:string", about_app=False
    ),
    f"{_DATA}/insertImages": Endpoint(insert_images, about_app=False),
    f"{_DATA}/v2/list": Endpoint(list_data, "body", "collectionId:id searchText?:string", about_app=False),
    f"{_DATA}/list": Endpoint(list_old, "body", "collectionId:id searchText?:string", about_app=False),
    f"{_DATA}/detail": Endpoint(detail, "query", "id:id", about_app=False, verb="get"),
    f"{_DATA}/update": Endpoint(
        update, "body", "dataId:id q?:string a?:string imageId?:string", about_app=False, verb="put"
    ),
    f"{_DATA}/delete": Endpoint(delete, "query", "id:id", about_app=False, verb="delete"),
    f"{_DATA}/getQuoteData": Endpoint(quote, "body", "id:id", about_app=False),
    f"{_DATA}/getPermission": Endpoint(rights, "query", "id:id", about_app=False, verb="get"),
    f"{_DATA}/index/create": Endpoint(create_index, "body", "dataId:id text:string type?:string", about_app=False),
    f"{_DATA}/index/update": Endpoint(
        update_index, "body", "dataId:id indexDataId:string text:string", about_app=False
    ),
    f"{_DATA}/index/delete": Endpoint(delete_index, "body", "dataId:id indexDataId:string", about_app=False),
    f"{_TRAINING}/getDatasetTrainingQueue": Endpoint(queue, "query", "datasetId:id", about_app=False, verb="get"),
    f"{_TRAINING}/getTrainingError": Endpoint(list_errors, "body", "collectionId:id", about_app=False),
    f"{_TRAINING}/getDatasetTrainingError": Endpoint(
        list_dataset_errors, "body", "datasetId:id collectionId?:id", about_app=False
    ),
    f"{_TRAINING}/hasDatasetTrainingError": Endpoint(has_errors, "query", "datasetId:id", about_app=False, verb="get"),
    f"{_TRAINING}/getTrainingDataDetail": Endpoint(step_detail, "body", _STEP, about_app=False),
    f"{_TRAINING}/updateTrainingData": Endpoint(
        update_step,
        "body",
        "datasetId?:id collectionId?:id dataId?:id q?:string a?:string chunkIndex?:number",
        about_app=False,
        verb="put",
    ),
    f"{_TRAINING}/deleteTrainingData": Endpoint(delete_step, "body", _STEP, about_app=False),
    f"{_TRAINING}/rebuildEmbedding": Endpoint(rebuild, "body", "datasetId:id", about_app=False),
}
