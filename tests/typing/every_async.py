"""What a type checker sees of every method of the async clients. Never run: pyright strict and mypy read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

from fastgpt_client import (
    AsyncFastGPTClient,
    ChatResponse,
    Citation,
    FileResponse,
    Reply,
    Response,
    ServerInfo,
    UploadedFile,
)
from fastgpt_client.models import (
    ApiFile,
    App,
    AppLog,
    AppLogsChart,
    AppLogsSummary,
    AppLogsTotals,
    AppUsers,
    BatchResult,
    ChatHistory,
    ChatInit,
    ChatRecord,
    ChatStatuses,
    Collection,
    CollectionErrors,
    CollectionSource,
    CollectionTraining,
    CreatedCollection,
    Data,
    DataInput,
    DataPermission,
    DataRow,
    Dataset,
    Done,
    DownloadTicket,
    Embedding,
    FeedbackRecords,
    HasErrors,
    InsertResult,
    KeyHealth,
    LinkedPage,
    McpApp,
    McpServer,
    Page,
    PresignedUpload,
    PreviewChunks,
    Quote,
    QuoteData,
    SearchResult,
    StopResult,
    TrainingData,
    TrainingQueue,
    UpdatedData,
)
from fastgpt_client.models._base import JSON


async def every_method(client: AsyncFastGPTClient) -> None:
    chat, apps, datasets = client.chat, client.apps, client.datasets
    assert_type(await chat.clear_chat_histories(), Response[None])
    assert_type(await chat.close_custom_feedback(chatId="x", dataId="x"), Response[None])
    assert_type(await chat.create_chat_completion(), ChatResponse)
    assert_type(await chat.create_question_guide(chatId="x"), Response[list[str]])
    assert_type(await chat.create_question_guide_of_messages([]), Response[list[str]])
    assert_type(await chat.delete_chat_histories(["x"]), Response[None])
    assert_type(await chat.delete_chat_history(chatId="x"), Response[None])
    assert_type(await chat.delete_chat_record(chatId="x", contentId="x"), Response[None])
    assert_type(await chat.fetch_citation(Reply(), Citation()), Quote)
    assert_type(await chat.get_chat_histories(), Response[Page[ChatHistory]])
    assert_type(await chat.get_chat_init(), Response[ChatInit])
    assert_type(await chat.get_chat_records(chatId="x"), Response[Page[ChatRecord]])
    assert_type(await chat.get_chat_records_v2(chatId="x"), Response[LinkedPage[ChatRecord]])
    assert_type(await chat.get_chat_statuses(["x"]), Response[ChatStatuses])
    assert_type(
        await chat.get_collection_quotes(chatId="x", chatItemDataId="x", collectionId="x"), Response[LinkedPage[Quote]]
    )
    assert_type(await chat.get_feedback_record_ids(chatId="x"), Response[FeedbackRecords])
    assert_type(await chat.get_quotes(chatId="x", chatItemDataId="x"), Response[list[Quote]])
    assert_type(await chat.get_record_detail(chatId="x", dataId="x"), Response[list[JSON]])
    assert_type(await chat.get_speech("x", {}), FileResponse)
    assert_type(await chat.inspect_server(), ServerInfo)
    assert_type(chat.iter_chat_histories(), AsyncIterator[ChatHistory])
    assert_type(chat.iter_chat_records(chatId="x"), AsyncIterator[ChatRecord])
    assert_type(chat.iter_chat_records_v2(chatId="x"), AsyncIterator[ChatRecord])
    assert_type(chat.iter_collection_quotes(chatId="x", chatItemDataId="x", collectionId="x"), AsyncIterator[Quote])
    assert_type(await chat.mark_chat_read(chatId="x"), Response[None])
    assert_type(await chat.presign_chat_file_get_url("x", chatId="x"), Response[str])
    assert_type(await chat.presign_chat_file_post_url("x", chatId="x"), Response[PresignedUpload])
    assert_type(await chat.query_input_guide(), Response[list[str]])
    assert_type(await chat.resume_chat("x"), ChatResponse)
    assert_type(await chat.run_plugin(), JSON)
    assert_type(await chat.stop_chat("x"), Response[StopResult])
    assert_type(
        await chat.update_admin_feedback(chatId="x", dataId="x", datasetId="x", feedbackDataId="x", q="x"),
        Response[None],
    )
    assert_type(await chat.update_chat_history(chatId="x"), Response[None])
    assert_type(await chat.update_feedback_read_status(chatId="x", dataId="x"), Response[Done])
    assert_type(await chat.update_user_feedback(chatId="x", dataId="x"), Response[None])
    assert_type(await chat.upload_chat_file(chatId="x"), UploadedFile)
    assert_type(await chat.upload_chat_image(chatId="x"), UploadedFile)
    assert_type(await apps.check_api_key("x"), Response[KeyHealth])
    assert_type(await apps.create_mcp_server("x", [McpApp()]), Response[None])
    assert_type(await apps.delete_mcp_server("x"), Response[None])
    assert_type(await apps.get_app_logs_chart("x", "2026-11-01", "2026-11-01"), Response[AppLogsChart])
    assert_type(await apps.get_app_logs_totals(), Response[AppLogsTotals])
    assert_type(await apps.inspect_server(), ServerInfo)
    assert_type(apps.iter_app_logs(dateStart="2026-11-01", dateEnd="2026-11-01"), AsyncIterator[AppLog])
    assert_type(apps.iter_apps(), AsyncIterator[App])
    assert_type(await apps.list_app_logs(dateStart="2026-11-01", dateEnd="2026-11-01"), Response[Page[AppLog]])
    assert_type(await apps.list_app_users(dateStart="2026-11-01", dateEnd="2026-11-01"), Response[AppUsers])
    assert_type(await apps.list_apps(), Response[list[App]])
    assert_type(await apps.list_mcp_servers(), Response[list[McpServer]])
    assert_type(await apps.summarize_app_logs(dateStart="2026-11-01", dateEnd="2026-11-01"), AppLogsSummary)
    assert_type(await apps.update_mcp_server("x", "x", [McpApp()]), Response[None])
    assert_type(await datasets.create_api_collection("x", "x", "x"), Response[CreatedCollection])
    assert_type(await datasets.create_api_collections("x", []), Response[None])
    assert_type(await datasets.create_backup_collection("x", b""), Response[CreatedCollection])
    assert_type(await datasets.create_collection("x", "x"), Response[str])
    assert_type(await datasets.create_data_index("x", "x"), Response[JSON])
    assert_type(await datasets.create_dataset("x"), Response[str])
    assert_type(await datasets.create_dataset_folder("x"), Response[None])
    assert_type(await datasets.create_embeddings(["x"], "x"), Response[list[Embedding]])
    assert_type(await datasets.create_external_file_collection("x", "x"), Response[CreatedCollection])
    assert_type(await datasets.create_file_collection("x", b""), Response[CreatedCollection])
    assert_type(await datasets.create_file_id_collection("x", "x"), Response[CreatedCollection])
    assert_type(await datasets.create_image_collection("x", "x", [b""]), Response[CreatedCollection])
    assert_type(await datasets.create_link_collection("x", "x"), Response[CreatedCollection])
    assert_type(await datasets.create_template_collection("x", b""), Response[None])
    assert_type(await datasets.create_text_collection("x", "x", "x"), Response[CreatedCollection])
    assert_type(await datasets.create_training_usage("x", "x"), Response[str])
    assert_type(await datasets.delete_collection("x"), Response[None])
    assert_type(await datasets.delete_collections(["x"]), Response[None])
    assert_type(await datasets.delete_data("x"), Response[None])
    assert_type(await datasets.delete_data_index("x", "x"), Response[JSON])
    assert_type(await datasets.delete_dataset("x"), Response[None])
    assert_type(await datasets.delete_datasets(["x"]), Response[BatchResult])
    assert_type(await datasets.delete_training_data("x", "x"), Response[None])
    assert_type(await datasets.download_collections("x"), FileResponse)
    assert_type(await datasets.export_collection("x"), FileResponse)
    assert_type(await datasets.get_api_path_names(), Response[str])
    assert_type(await datasets.get_collection("x"), Response[Collection])
    assert_type(await datasets.get_collection_training("x"), Response[CollectionTraining])
    assert_type(await datasets.get_data("x"), Response[Data])
    assert_type(await datasets.get_data_permission("x"), Response[DataPermission])
    assert_type(await datasets.get_dataset("x"), Response[Dataset])
    assert_type(await datasets.get_download_ticket("x", ["x"]), Response[DownloadTicket])
    assert_type(await datasets.get_quote_data("x"), Response[QuoteData])
    assert_type(await datasets.get_search_image_urls("x", ["x"]), Response[list[object]])
    assert_type(await datasets.get_training_data("x", "x"), Response[TrainingData])
    assert_type(await datasets.get_training_queue("x"), Response[TrainingQueue])
    assert_type(await datasets.has_dataset_training_errors("x"), Response[HasErrors])
    assert_type(await datasets.insert_data("x", "x"), Response[str])
    assert_type(await datasets.insert_images("x", [b""]), Response[None])
    assert_type(await datasets.inspect_server(), ServerInfo)
    assert_type(datasets.iter_api_files("x"), AsyncIterator[ApiFile])
    assert_type(datasets.iter_collections("x"), AsyncIterator[Collection])
    assert_type(datasets.iter_data("x"), AsyncIterator[DataRow])
    assert_type(datasets.iter_dataset_training_errors("x"), AsyncIterator[CollectionErrors])
    assert_type(datasets.iter_datasets(), AsyncIterator[Dataset])
    assert_type(datasets.iter_training_errors("x"), AsyncIterator[TrainingData])
    assert_type(await datasets.list_api_files("x"), Response[list[ApiFile]])
    assert_type(await datasets.list_collections("x"), Response[Page[Collection]])
    assert_type(await datasets.list_data("x"), Response[Page[DataRow]])
    assert_type(await datasets.list_dataset_training_errors("x"), Response[Page[CollectionErrors]])
    assert_type(await datasets.list_datasets(), Response[list[Dataset]])
    assert_type(await datasets.list_imported_api_files("x"), Response[list[str]])
    assert_type(await datasets.list_training_errors("x"), Response[Page[TrainingData]])
    assert_type(await datasets.move_datasets(["x"], "x"), Response[BatchResult])
    assert_type(await datasets.presign_dataset_file_post_url("x", "x"), Response[PresignedUpload])
    assert_type(await datasets.presign_search_image("x", "x"), Response[PresignedUpload])
    assert_type(await datasets.preview_chunks("x", "x", "x"), Response[PreviewChunks])
    assert_type(await datasets.push_data("x", [DataInput()]), Response[InsertResult])
    assert_type(await datasets.read_collection("x"), Response[CollectionSource])
    assert_type(await datasets.rebuild_embedding("x"), Response[None])
    assert_type(await datasets.retrain_collection("x"), Response[CreatedCollection])
    assert_type(await datasets.search_dataset("x"), Response[SearchResult])
    assert_type(await datasets.sync_collection("x"), Response[str])
    assert_type(await datasets.update_collection(), Response[None])
    assert_type(await datasets.update_data("x", "x"), Response[UpdatedData])
    assert_type(await datasets.update_data_index("x", "x", "x"), Response[JSON])
    assert_type(await datasets.update_dataset("x"), Response[None])
    assert_type(await datasets.update_training_data(), Response[None])
    assert_type(await datasets.upload_dataset_file("x", b""), str)
