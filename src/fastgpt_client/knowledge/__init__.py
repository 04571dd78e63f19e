"""Knowledge bases that keep themselves right: folders that are put in and followed, waiting, searching, moving.

Built on the async client; every function has a plain blocking face (``run_blocking``).
"""

from .base import AsyncKnowledgeBase, KeepOptions, KnowledgeBase
from .bases import AmbiguousBaseError, Base, UnknownBaseError, create_base, ensure_base, find_base, iter_bases
from .blocking import run_blocking
from .duplicates import DuplicateGroup, find_duplicates, remove_duplicates
from .exporting import ExportedChunk, ExportedIndex, ExportReport, export_base, read_chunks
from .importing import ImportReport, import_base
from .plan import Plan, Step
from .progress import OnProgress, Progress
from .run import Failure, RemovalRefusedError, SyncReport
from .searching import FoundChunk, search_bases
from .state import StateError
from .tree import TreeRow, walk
from .waiting import CollectionState, TrainingFailure, TrainingReport, find_failures, retry_failed, wait_trained

__all__ = [
    "AmbiguousBaseError",
    "AsyncKnowledgeBase",
    "Base",
    "CollectionState",
    "DuplicateGroup",
    "ExportReport",
    "ExportedChunk",
    "ExportedIndex",
    "Failure",
    "FoundChunk",
    "ImportReport",
    "KeepOptions",
    "KnowledgeBase",
    "OnProgress",
    "Plan",
    "Progress",
    "RemovalRefusedError",
    "StateError",
    "Step",
    "SyncReport",
    "TrainingFailure",
    "TrainingReport",
    "TreeRow",
    "UnknownBaseError",
    "create_base",
    "ensure_base",
    "export_base",
    "find_base",
    "find_duplicates",
    "find_failures",
    "import_base",
    "iter_bases",
    "read_chunks",
    "remove_duplicates",
    "retry_failed",
    "run_blocking",
    "search_bases",
    "wait_trained",
    "walk",
]
