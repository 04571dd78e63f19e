"""What a type checker sees of every method of the sync clients. Never run: pyright strict and mypy read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from fastgpt_client import (
    ChatResponse,
    Citation,
    FastGPTClient,
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


def every_method(client: FastGPTClient) -> None:
    chat, apps, datasets = client.chat, client.apps, client.datasets
    assert_type(chat.clear_chat_histories(), Response[None])
    assert_type(chat.close_custom_feedback(chatId="x", dataId="x"), Response[None])
    assert_type(chat.create_chat_completion(), ChatResponse)
    assert_type(chat.create_question_guide(chatId="x"), Response[list[str]])
    assert_type(chat.create_question_guide_of_messages([]), Response[list[str]])
    assert_type(chat.delete_chat_histories(["x"]), Response[None])
    assert_type(chat.delete_chat_history(chatId="x"), Response[None])
    assert_type(chat.delete_chat_record(chatId="x", contentId="x"), Response[None])
    assert_type(chat.fetch_citation(Reply(), Citation()), Quote)
    assert_type(chat.get_chat_histories(), Response[Page[ChatHistory]])
    assert_type(chat.get_chat_init(), Response[ChatInit])
    assert_type(chat.get_chat_records(chatId="x"), Response[Page[ChatRecord]])
    assert_type(chat.get_chat_records_v2(chatId="x"), Response[LinkedPage[ChatRecord]])
    assert_type(chat.get_chat_statuses(["x"]), Response[ChatStatuses])
    assert_type(
        chat.get_collection_quotes(chatId="x", chatItemDataId="x", collectionId="x"), Response[LinkedPage[Quote]]
    )
    assert_type(chat.get_feedback_record_ids(chatId="x"), Response[FeedbackRecords])
    assert_type(chat.get_quotes(chatId="x", chatItemDataId="x"), Response[list[Quote]])
    assert_type(chat.get_record_detail(chatId="x", dataId="x"), Response[list[JSON]])
    assert_type(chat.get_speech("x", {}), FileResponse)
    assert_type(chat.inspect_server(), ServerInfo)
    assert_type(chat.iter_chat_histories(), Iterator[ChatHistory])
    assert_type(chat.iter_chat_records(chatId="x"), Iterator[ChatRecord])
    assert_type(chat.iter_chat_records_v2(chatId="x"), Iterator[ChatRecord])
    assert_type(chat.iter_collection_quotes(chatId="x", chatItemDataId="x", collectionId="x"), Iterator[Quote])
    assert_type(chat.mark_chat_read(chatId="x"), Response[None])
    assert_type(chat.presign_chat_file_get_url("x", chatId="x"), Response[str])
    assert_type(chat.presign_chat_file_post_url("x", chatId="x"), Response[PresignedUpload])
    assert_type(chat.query_input_guide(), Response[list[str]])
    assert_type(chat.resume_chat("x"), ChatResponse)
    assert_type(chat.run_plugin(), JSON)
    assert_type(chat.stop_chat("x"), Response[StopResult])
    assert_type(
        chat.update_admin_feedback(chatId="x", dataId="x", datasetId="x", feedbackDataId="x", q="x"), Response[None]
    )
    assert_type(chat.update_chat_history(chatId="x"), Response[None])
    assert_type(chat.update_feedback_read_status(chatId="x", dataId="x"), Response[Done])
    assert_type(chat.update_user_feedback(chatId="x", dataId="x"), Response[None])
    assert_type(chat.upload_chat_file(chatId="x"), UploadedFile)
    assert_type(chat.upload_chat_image(chatId="x"), UploadedFile)
    assert_type(apps.check_api_key("x"), Response[KeyHealth])
    assert_type(apps.create_mcp_server("x", [McpApp()]), Response[None])
    assert_type(apps.delete_mcp_server("x"), Response[None])
    assert_type(apps.get_app_logs_chart("x", "2026-11-01", "2026-11-01"), Response[AppLogsChart])
    assert_type(apps.get_app_logs_totals(), Response[AppLogsTotals])
    assert_type(apps.inspect_server(), ServerInfo)
    assert_type(apps.iter_app_logs(dateStart="2026-11-01", dateEnd="2026-11-01"), Iterator[AppLog])
    assert_type(apps.iter_apps(), Iterator[App])
    assert_type(apps.list_app_logs(dateStart="2026-11-01", dateEnd="2026-11-01"), Response[Page[AppLog]])
    assert_type(apps.list_app_users(dateStart="2026-11-01", dateEnd="2026-11-01"), Response[AppUsers])
    assert_type(apps.list_apps(), Response[list[App]])
    assert_type(apps.list_mcp_servers(), Response[list[McpServer]])
    assert_type(apps.summarize_app_logs(dateStart="2026-11-01", dateEnd="2026-11-01"), AppLogsSummary)
    assert_type(apps.update_mcp_server("x", "x", [McpApp()]), Response[None])
    assert_type(datasets.create_api_collection("x", "x", "x"), Response[CreatedCollection])
    assert_type(datasets.create_api_collections("x", []), Response[None])
    assert_type(datasets.create_backup_collection("x", b""), Response[CreatedCollection])
    assert_type(datasets.create_collection("x", "x"), Response[str])
    assert_type(datasets.create_data_index("x", "x"), Response[JSON])
    assert_type(datasets.create_dataset("x"), Response[str])
    assert_type(datasets.create_dataset_folder("x"), Response[None])
    assert_type(datasets.create_embeddings(["x"], "x"), Response[list[Embedding]])
    assert_type(datasets.create_external_file_collection("x", "x"), Response[CreatedCollection])
    assert_type(datasets.create_file_collection("x", b""), Response[CreatedCollection])
    assert_type(datasets.create_file_id_collection("x", "x"), Response[CreatedCollection])
    assert_type(datasets.create_image_collection("x", "x", [b""]), Response[CreatedCollection])
    assert_type(datasets.create_link_collection("x", "x"), Response[CreatedCollection])
    assert_type(datasets.create_template_collection("x", b""), Response[None])
    assert_type(datasets.create_text_collection("x", "x", "x"), Response[CreatedCollection])
    assert_type(datasets.create_training_usage("x", "x"), Response[str])
    assert_type(datasets.delete_collection("x"), Response[None])
    assert_type(datasets.delete_collections(["x"]), Response[None])
    assert_type(datasets.delete_data("x"), Response[None])
    assert_type(datasets.delete_data_index("x", "x"), Response[JSON])
    assert_type(datasets.delete_dataset("x"), Response[None])
    assert_type(datasets.delete_datasets(["x"]), Response[BatchResult])
    assert_type(datasets.delete_training_data("x", "x"), Response[None])
    assert_type(datasets.download_collections("x"), FileResponse)
    assert_type(datasets.export_collection("x"), FileResponse)
    assert_type(datasets.get_api_path_names(), Response[str])
    assert_type(datasets.get_collection("x"), Response[Collection])
    assert_type(datasets.get_collection_training("x"), Response[CollectionTraining])
    assert_type(datasets.get_data("x"), Response[Data])
    assert_type(datasets.get_data_permission("x"), Response[DataPermission])
    assert_type(datasets.get_dataset("x"), Response[Dataset])
    assert_type(datasets.get_download_ticket("x", ["x"]), Response[DownloadTicket])
    assert_type(datasets.get_quote_data("x"), Response[QuoteData])
    assert_type(datasets.get_search_image_urls("x", ["x"]), Response[list[object]])
    assert_type(datasets.get_training_data("x", "x"), Response[TrainingData])
    assert_type(datasets.get_training_queue("x"), Response[TrainingQueue])
    assert_type(datasets.has_dataset_training_errors("x"), Response[HasErrors])
    assert_type(datasets.insert_data("x", "x"), Response[str])
    assert_type(datasets.insert_images("x", [b""]), Response[None])
    assert_type(datasets.inspect_server(), ServerInfo)
    assert_type(datasets.iter_api_files("x"), Iterator[ApiFile])
    assert_type(datasets.iter_collections("x"), Iterator[Collection])
    assert_type(datasets.iter_data("x"), Iterator[DataRow])
    assert_type(datasets.iter_dataset_training_errors("x"), Iterator[CollectionErrors])
    assert_type(datasets.iter_datasets(), Iterator[Dataset])
    assert_type(datasets.iter_training_errors("x"), Iterator[TrainingData])
    assert_type(datasets.list_api_files("x"), Response[list[ApiFile]])
    assert_type(datasets.list_collections("x"), Response[Page[Collection]])
    assert_type(datasets.list_data("x"), Response[Page[DataRow]])
    assert_type(datasets.list_dataset_training_errors("x"), Response[Page[CollectionErrors]])
    assert_type(datasets.list_datasets(), Response[list[Dataset]])
    assert_type(datasets.list_imported_api_files("x"), Response[list[str]])
    assert_type(datasets.list_training_errors("x"), Response[Page[TrainingData]])
    assert_type(datasets.move_datasets(["x"], "x"), Response[BatchResult])
    assert_type(datasets.presign_dataset_file_post_url("x", "x"), Response[PresignedUpload])
    assert_type(datasets.presign_search_image("x", "x"), Response[PresignedUpload])
    assert_type(datasets.preview_chunks("x", "x", "x"), Response[PreviewChunks])
    assert_type(datasets.push_data("x", [DataInput()]), Response[InsertResult])
    assert_type(datasets.read_collection("x"), Response[CollectionSource])
    assert_type(datasets.rebuild_embedding("x"), Response[None])
    assert_type(datasets.retrain_collection("x"), Response[CreatedCollection])
    assert_type(datasets.search_dataset("x"), Response[SearchResult])
    assert_type(datasets.sync_collection("x"), Response[str])
    assert_type(datasets.update_collection(), Response[None])
    assert_type(datasets.update_data("x", "x"), Response[UpdatedData])
    assert_type(datasets.update_data_index("x", "x", "x"), Response[JSON])
    assert_type(datasets.update_dataset("x"), Response[None])
    assert_type(datasets.update_training_data(), Response[None])
    assert_type(datasets.upload_dataset_file("x", b""), str)
