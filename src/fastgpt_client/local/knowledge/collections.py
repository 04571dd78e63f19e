"""Endpoints of collections: `/core/dataset/collection/…`."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response

from .. import wire
from ..endpoints import Endpoint
from ..files import new_key, view_address
from ..logs import TMB_ID
from .parsing import DEFAULTS, IMAGES, UPLOADABLE, ParseError, cut, ending, read_rows, to_text, write_rows
from .shapes import TEAM_ID, collection_of, dataset_of, page, permission, raw_collection, raw_dataset, source_of
from .store import Progress
from .training import digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..calls import Call
    from ..files import Received, StoredFile
    from .store import Collection

_CHUNKS = (
    "chunkTriggerType",
    "chunkTriggerMinSize",
    "dataEnhanceCollectionName",
    "imageIndex",
    "autoIndexes",
    "indexPrefixTitle",
    "chunkSettingMode",
    "chunkSplitMode",
    "paragraphChunkAIMode",
    "paragraphChunkDeep",
    "paragraphChunkMinSize",
    "chunkSize",
    "chunkSplitter",
    "indexSize",
    "qaPrompt",
    "customPdfParse",
)

# --- making -----------------------------------------------------------------------------------------------------------


def _settings(call: Call) -> dict[str, Any]:
    """How a text is cut: what is given, over what FastGPT takes by itself."""
    given = {name: call.params[name] for name in _CHUNKS if call.params.get(name) not in (None, "")}
    sized = {"chunkSettingMode": "custom"} if "chunkSize" in given or "chunkSplitter" in given else {}
    return {**DEFAULTS, **sized, **given}


def _parent(call: Call) -> str | None:
    parent = call.params.get("parentId") or None
    return collection_of(call, parent).id if parent is not None else None


def _tags(call: Call, dataset: str) -> list[str] | None:
    """Tags by name, or as `{tag, value}`, by their ids."""
    given: Any = call.params.get("tags")
    if given is None:
        return None
    if not wire.is_list(given):
        raise wire.InvalidError([wire.expected("array", given, "tags")])
    names = [str(cast("dict[str, Any]", tag).get("tag") if isinstance(tag, dict) else tag) for tag in given]
    return call.state.knowledge.tag_ids(dataset, names)


def _add(call: Call, kind: str, name: str, original: StoredFile | None = None, **columns: Any) -> str:
    """A collection of what the call says; returns its id."""
    dataset = dataset_of(call, call.params.get("datasetId"))
    store = call.state.knowledge
    plain = kind in ("folder", "virtual")
    with store.transaction():
        return store.add_collection(
            {} if plain else _settings(call),
            call.params.get("metadata") or {},
            _tags(call, dataset.id),
            datasetId=dataset.id,
            parentId=_parent(call),
            type=kind,
            name=name,
            trainingType=None if plain else columns.pop("trainingType", call.params.get("trainingType") or "chunk"),
            fileId=original.key if original is not None else None,
            **columns,
        )


def _trained(call: Call, collection: str) -> dict[str, Any]:
    """Put a new collection in line."""
    call.state.training.parse(collection, call.params["datasetId"])
    return {"collectionId": collection, "results": {"insertLen": 0}}


def _file(call: Call, allowed: Sequence[str] = UPLOADABLE) -> Received:
    """The one file of a form."""
    if not call.files:
        raise wire.ApiError("File not found")
    if ending(call.files[0].name) not in allowed and call.state.version.refuses_file_types:
        raise wire.bad_file_type()
    return call.files[0]


def _keep(call: Call, name: str, content: Path | bytes, kind: str) -> StoredFile:
    """Keep a file of a knowledge base."""
    dataset = dataset_of(call, call.params.get("datasetId"))
    return call.state.files.save(new_key(call, f"dataset/{dataset.id}", name), name, kind, content)


def _add_file(call: Call, name: str, content: Path | bytes, kind: str, **columns: Any) -> dict[str, Any]:
    """A collection of a file that is not kept yet, and put in line."""
    original = _keep(call, name, content, kind)
    try:
        return _trained(call, _add(call, "file", name, original, **columns))
    except wire.ApiError:
        call.state.files.delete(original.key)
        raise


def create(call: Call, _: None) -> str:
    """An empty collection, or a folder."""
    kind = call.params["type"]
    if kind not in ("folder", "virtual"):
        raise wire.InvalidError([wire.one_of(["folder", "virtual"], "type")])
    return _add(call, kind, call.params["name"])


def create_text(call: Call, _: None) -> dict[str, Any]:
    """A collection of a text; FastGPT makes a text file of it."""
    name = call.params["name"]
    name = name if name.endswith(".txt") else f"{name}.txt"
    return _add_file(call, name, call.params["text"].encode("utf-8", "replace"), "text/plain")


def create_link(call: Call, _: None) -> dict[str, Any]:
    """A collection of a page, which is fetched later."""
    link = call.params["link"]
    return _trained(call, _add(call, "link", link, rawLink=link))


def create_local_file(call: Call, _: None) -> dict[str, Any]:
    """A collection of a file that comes with the request."""
    file = _file(call)
    return _add_file(call, file.name, file.path, file.content_type)


def create_file_id(call: Call, _: None) -> dict[str, Any]:
    """A collection of a file that was uploaded before."""
    original = _original(call, call.params["fileId"])
    if ending(original.name) not in UPLOADABLE and call.state.version.refuses_file_types:
        raise wire.bad_file_type()
    return _trained(call, _add(call, "file", original.name, original))


def _original(call: Call, key: str) -> StoredFile:
    """A file by its key."""
    original = call.state.files.get(key)
    if original is None:
        raise wire.ApiError("File not found")
    return original


def _create_table(call: Call, kind: str, message: str) -> dict[str, Any]:
    file = _file(call, ("csv", "xlsx"))
    if read_rows(file.path.read_bytes()) is None:
        raise wire.ApiError(message)
    return _add_file(call, file.name, file.path, file.content_type, trainingType=kind)


def create_template(call: Call, _: None) -> dict[str, Any]:
    """A collection of a table of questions and answers."""
    _create_table(call, "template", "dataset:template_file_invalid")
    return {}


def create_backup(call: Call, _: None) -> dict[str, Any]:
    """A collection of an exported table."""
    return _create_table(call, "backup", "dataset:backup_template_invalid")


def create_images(call: Call, _: None) -> dict[str, Any]:
    """A collection of pictures."""
    check_images(call)
    name = str(call.params.get("collectionName") or call.files[0].name)
    collection = _add(call, "images", name, trainingType="imageParse")
    return {"collectionId": collection, "results": {"insertLen": add_images(call, collection)}}


def check_images(call: Call) -> None:
    """There are files, and all are pictures."""
    if not call.files:
        raise wire.ApiError("File not found")
    if any(ending(file.name) not in IMAGES for file in call.files):
        raise wire.bad_file_type()


def add_images(call: Call, collection: str) -> int:
    """Put pictures into a collection; returns how many."""
    steps: list[dict[str, Any]] = []
    for index, file in enumerate(call.files):
        image = _keep(call, file.name, file.path, file.content_type)
        step = {"datasetId": call.params["datasetId"], "collectionId": collection, "mode": "imageParse"}
        steps.append({**step, "q": file.name, "chunkIndex": index, "imageId": image.key})
    return call.state.training.add(steps)


def create_api_files(call: Call, _: None) -> None:
    """Files of outside services are not read here; no files are no error."""
    dataset_of(call, call.params["datasetId"])
    if call.params.get("apiFiles") != []:
        raise wire.user_error("The local server reads no outside file services")


def retrain(call: Call, _: None) -> dict[str, Any]:
    """Cut and index a collection anew; it becomes another one."""
    old, store = collection_of(call, call.params["collectionId"]), call.state.knowledge
    if old.type in ("folder", "virtual"):
        raise wire.user_error("This collection has no original to cut anew")
    given = {name: call.params[name] for name in _CHUNKS if call.params.get(name) not in (None, "")}
    with store.transaction():
        store.delete_collections([old.id], files=False)
        key = store.add_collection(
            {**old.settings, **given},
            old.metadata,
            old.tags,
            datasetId=old.datasetId,
            parentId=old.parentId,
            type=old.type,
            name=old.name,
            trainingType=call.params.get("trainingType") or old.trainingType,
            fileId=old.fileId,
            rawLink=old.rawLink,
            forbid=old.forbid,
        )
    call.state.training.parse(key, old.datasetId)
    return {"collectionId": key}


# --- reading ----------------------------------------------------------------------------------------------------------


def _progress(progress: Progress) -> dict[str, Any]:
    """How far a collection is, in the words of the newer endpoints."""
    shown: dict[str, Any] = {
        "trainingAmount": progress.active + progress.failed,
        "activeTrainingAmount": progress.active,
        "finalErrorAmount": progress.failed,
        "hasError": progress.failed > 0,
    }
    if progress.mode is not None:
        shown["slowestTrainingMode"] = progress.mode
    return {**shown, "slowestTrainingStatus": "running" if progress.active else "error" if progress.failed else "ready"}


def _some(call: Call) -> tuple[list[Collection], int, dict[str, Progress]]:
    """The collections of the page that is asked for, how many there are, and how far they are."""
    params, store = call.params, call.state.knowledge
    dataset = dataset_of(call, params["datasetId"])
    found, total = store.collections(
        dataset.id,
        params.get("parentId") or None,
        *page(call),
        search=str(params.get("searchText") or ""),
        folders=call.flag("selectFolder"),
        tags=params.get("filterTags") or (),
    )
    return found, total, store.progress([each.id for each in found])


def _origin(collection: Collection) -> dict[str, Any]:
    names = ("fileId", "rawLink", "trainingType")
    return {name: getattr(collection, name) for name in names if getattr(collection, name) is not None}


def _times(collection: Collection) -> dict[str, str]:
    return {"createTime": wire.iso(collection.createTime), "updateTime": wire.iso(collection.updateTime)}


def _head(collection: Collection) -> dict[str, Any]:
    return {"_id": collection.id, "parentId": collection.parentId, "tmbId": TMB_ID}


def _marked(call: Call, collection: Collection) -> dict[str, Any]:
    """Tags by name, and whether it is left out of searches: where they were set."""
    shown: dict[str, Any] = {}
    if collection.tags is not None:
        shown["tags"] = call.state.knowledge.tag_names(collection.tags)
    if collection.forbid is not None:
        shown["forbid"] = collection.forbid
    return shown


def list_v2(call: Call, _: None) -> dict[str, Any]:
    """A page of collections."""
    version, (found, total, progress) = call.state.version, _some(call)
    rows: list[dict[str, Any]] = []
    for each in found:
        kind = {"trainingType": each.trainingType} if each.trainingType is not None else {}
        row: dict[str, Any] = {
            **_head(each),
            "name": each.name,
            "type": each.type,
            **_marked(call, each),
            **_times(each),
            **kind,
        }
        row |= {**_origin(each), "permission": permission(call, new=True), "dataAmount": progress[each.id].done}
        row |= _progress(progress[each.id])
        if version.errors_while_waiting and not row["trainingAmount"]:
            del row["hasError"]
        rows.append(version.collection_row(row))
    return version.pages({"total": total, "list": rows})


def _old_row(call: Call, each: Collection, progress: Progress, *, scroll: bool) -> dict[str, Any]:
    tags: dict[str, Any] = {"tags": []} if scroll else {}
    row = {**_head(each), "type": each.type, "name": each.name, **tags, **_marked(call, each), **_origin(each)}
    # The scroll list counts only what waits; the rest is always that of a collection at rest.
    shown = {**(_progress(Progress()) if scroll else {}), "trainingAmount": progress.active + progress.failed}
    row |= {**_times(each), "dataAmount": progress.done, **shown, "permission": permission(call)}
    return call.state.version.collection_scroll_row(row)


def list_old(call: Call, _: None) -> dict[str, Any]:
    """A page of collections, as it was before."""
    found, total, progress = _some(call)
    rows = [_old_row(call, each, progress[each.id], scroll=False) for each in found]
    paging = {"pageNum": call.number("pageNum", 1), "pageSize": call.number("pageSize", 10)}
    return {**paging, "data": rows, "total": total}


def list_scroll(call: Call, _: None) -> dict[str, Any]:
    """A page of collections, as it was in between."""
    found, total, progress = _some(call)
    return {"list": [_old_row(call, each, progress[each.id], scroll=True) for each in found], "total": total}


def detail(call: Call, _: None) -> dict[str, Any]:
    """One collection, with its knowledge base, settings and counts."""
    store, collection = call.state.knowledge, collection_of(call, call.params["id"])
    progress = store.progress([collection.id])[collection.id]
    original = call.state.files.get(collection.fileId or "")
    file = {"file": _file_of(call, original)} if original is not None else {}
    shown = {
        **collection.settings,
        **raw_collection(store, collection, names=True),
        "dataset": raw_dataset(call, dataset_of(call, collection.datasetId)),
        **source_of(collection),
        **file,
        "permission": permission(call, new=True),
        "indexAmount": store.index_amount(collection.id),
        "errorCount": progress.failed,
        **_progress(progress),
    }
    return call.state.version.collection(shown)


def _file_of(call: Call, original: StoredFile) -> dict[str, Any]:
    """What is known of the original of a collection."""
    shown: dict[str, Any] = {"_id": original.key, "length": original.size, "chunkSize": 128 * 1024}
    shown |= {"uploadDate": wire.iso(original.path.stat().st_mtime), "filename": original.name}
    shown |= {"extension": ending(original.name), "contentType": original.content_type}
    shown |= {"contentLength": original.size, "metadata": {"teamId": TEAM_ID, "uid": TMB_ID}}
    return call.state.version.collection_file(shown)


def training_detail(call: Call, _: None) -> dict[str, Any]:
    """How far a collection is, by step."""
    collection = collection_of(call, call.params["collectionId"])
    shape = call.state.version.step_counts
    queued, training, errors = (shape(counts) for counts in call.state.knowledge.counts(collection.id))
    advanced = ("customPdfParse", "imageIndex", "autoIndexes")
    kind = {"trainingType": collection.trainingType} if collection.trainingType is not None else {}
    return {
        **kind,
        "advancedTraining": {name: bool(collection.settings.get(name)) for name in advanced},
        "queuedCounts": queued,
        "trainingCounts": training,
        "errorCounts": errors,
        "trainedCount": call.state.knowledge.progress([collection.id])[collection.id].done,
    }


def read(call: Call, _: None) -> dict[str, Any]:
    """Where the original is."""
    collection = collection_of(call, call.params["collectionId"])
    if collection.rawLink is not None:
        return {"type": "url", "value": collection.rawLink}
    if collection.fileId is None:
        raise wire.ApiError("The collection has no original")
    original = _original(call, collection.fileId)
    return {"type": "url", "value": view_address(call, original.name, original.id)}


def export(call: Call, _: None) -> Response:
    """The chunks of a collection as a table."""
    collection = collection_of(call, call.params["collectionId"])
    rows = [(data.q, data.a) for data in call.state.knowledge.all_data(collection.id)]
    headers = {"content-type": "text/csv; charset=utf-8;", "content-disposition": "attachment; filename=data.csv"}
    return Response(write_rows(rows).encode("utf-8", "replace"), headers=headers)


_TICKET_SECONDS = 300


def ticket(call: Call, _: None) -> dict[str, Any]:
    """Lets the originals of collections be downloaded for a while."""
    dataset_of(call, call.params["datasetId"])
    ids, key, until = (
        [collection_of(call, each).id for each in call.params["collectionIds"]],
        wire.new_id(),
        time.time(),
    )
    call.state.knowledge.tickets[key] = ids, until + _TICKET_SECONDS
    return {"ticket": key, "expiresAt": wire.iso(until + _TICKET_SECONDS)}


def download_many(call: Call, _: None) -> Response:
    """The originals that a ticket is for, in one archive."""
    ids, until = call.state.knowledge.tickets.get(call.params["ticket"], ([], 0.0))
    if time.time() > until:
        raise wire.ApiError("File not found", status=404)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, collection in enumerate(filter(None, map(call.state.knowledge.collection, ids)), 1):
            original = call.state.files.get(collection.fileId or "")
            if original is not None:
                archive.write(original.path, f"{at} {original.name}")
    headers = {"content-disposition": "attachment; filename=files.zip"}
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


async def preview(call: Call, _: None) -> dict[str, Any]:
    """How a file or page would be cut."""
    params = call.params
    dataset_of(call, params["datasetId"])
    try:
        if params["type"] == "link":
            text = (await call.state.training.fetch(params["sourceId"]))[1]
        else:
            original = _original(call, params["sourceId"])
            text = to_text(original.name, original.path.read_bytes())
    except ParseError as exc:
        raise wire.ApiError(str(exc)) from None
    chunks = cut(text, _settings(call))
    return {"chunks": [{"q": chunk, "a": ""} for chunk in chunks[:10]], "total": len(chunks)}


# --- changing ---------------------------------------------------------------------------------------------------------


def update(call: Call, _: None) -> None:
    """Change a collection; what is left out stays."""
    params, store = call.params, call.state.knowledge
    collection = collection_of(call, params.get("id"))
    columns: dict[str, Any] = {name: params[name] for name in ("name", "forbid") if params.get(name) is not None}
    if "parentId" in params:
        columns["parentId"] = _parent(call)
        if columns["parentId"] in store.collections_inside([collection.id]):
            raise wire.user_error("A folder cannot be moved into itself")
    tags = _tags(call, collection.datasetId)
    if tags is not None:
        columns["tags"] = tags
    if params.get("createTime") is not None:
        try:
            columns["createTime"] = datetime.fromisoformat(params["createTime"]).timestamp()
        except (ValueError, TypeError):
            raise wire.InvalidError([wire.bad_date(params["createTime"], "createTime")]) from None
    store.update_collection(collection.id, **columns)


def delete(call: Call, _: None) -> None:
    """Delete collections, and folders with all that is in them."""
    reads, ids = call.state.version.collection_delete, call.params.get("collectionIds")
    if reads != "collectionIds" and "id" in call.request.query_params:
        ids = [call.request.query_params["id"]]
    elif reads == "id":
        ids = None
    if not wire.is_list(ids) or not ids:
        raise wire.missing_params()
    found = [collection_of(call, key).id for key in ids]
    store = call.state.knowledge
    with store.transaction():
        store.delete_collections(store.collections_inside(found))
    call.state.training.wake()


async def sync(call: Call, _: None) -> str:
    """Read a page again."""
    collection, store = collection_of(call, call.params["collectionId"]), call.state.knowledge
    if collection.rawLink is None:
        raise wire.ApiError("common:core.dataset.error.notSupportSync", 501008, "notSupportSync")
    try:
        text = (await call.state.training.fetch(collection.rawLink))[1]
    except ParseError as exc:
        raise wire.ApiError(str(exc)) from None
    if digest(text) == collection.hashRawText:
        return "sameRaw"
    with store.transaction():
        store.empty_collection(collection.id)
        store.update_collection(collection.id, updateTime=time.time())
    call.state.training.parse(collection.id, collection.datasetId)
    return "success"


_HERE = "/core/dataset/collection"
_NEW = "datasetId:id parentId?:id trainingType?:string metadata?:object"
_LIST = "datasetId:id parentId?:id searchText?:string selectFolder?:boolean filterTags?:array"
ENDPOINTS: dict[str, Endpoint] = {
    f"{_HERE}/create": Endpoint(create, "body", f"{_NEW} name:string type:string", about_app=False),
    f"{_HERE}/create/text": Endpoint(create_text, "body", f"{_NEW} name:string text:string", about_app=False),
    f"{_HERE}/create/link": Endpoint(create_link, "body", f"{_NEW} link:string", about_app=False),
    f"{_HERE}/create/localFile": Endpoint(create_local_file, about_app=False),
    f"{_HERE}/create/fileId": Endpoint(create_file_id, "body", f"{_NEW} fileId:string", about_app=False),
    f"{_HERE}/create/images": Endpoint(create_images, about_app=False),
    f"{_HERE}/create/template": Endpoint(create_template, about_app=False),
    f"{_HERE}/create/backup": Endpoint(create_backup, about_app=False),
    f"{_HERE}/create/apiCollection": Endpoint(create_api_files, "body", "datasetId:id", about_app=False),
    f"{_HERE}/create/apiCollectionV2": Endpoint(
        create_api_files, "body", "datasetId:id apiFiles:array", about_app=False
    ),
    f"{_HERE}/create/reTrainingCollection": Endpoint(retrain, "body", "collectionId:id", about_app=False),
    f"{_HERE}/listV2": Endpoint(list_v2, "body", _LIST, about_app=False),
    f"{_HERE}/list": Endpoint(list_old, "body", _LIST, about_app=False),
    f"{_HERE}/scrollList": Endpoint(list_scroll, "body", _LIST, about_app=False),
    f"{_HERE}/detail": Endpoint(detail, "query", "id:id", about_app=False, verb="get"),
    f"{_HERE}/trainingDetail": Endpoint(training_detail, "query", "collectionId:id", about_app=False, verb="get"),
    f"{_HERE}/update": Endpoint(update, "body", "id?:id name?:string forbid?:boolean parentId?:id", about_app=False),
    f"{_HERE}/delete": Endpoint(delete, "body", "collectionIds?:array", about_app=False),
    f"{_HERE}/sync": Endpoint(sync, "body", "collectionId:id", about_app=False),
    f"{_HERE}/read": Endpoint(read, "body", "collectionId:id", about_app=False),
    f"{_HERE}/getDownloadTicket": Endpoint(ticket, "body", "datasetId:id collectionIds:array", about_app=False),
    f"{_HERE}/batchDownload": Endpoint(
        download_many, "query", "ticket:string", about_app=False, verb="get", needs_key=False
    ),
    f"{_HERE}/export": Endpoint(export, "body", "collectionId:id", about_app=False),
    "/core/dataset/file/getPreviewChunks": Endpoint(
        preview, "body", "datasetId:id type:string sourceId:string", about_app=False
    ),
}
