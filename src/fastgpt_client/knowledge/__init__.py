"""Knowledge bases that keep themselves right: folders that are put in and followed, waiting, searching, moving.

Built on the async client; every function has a plain blocking face.
"""

from .progress import OnProgress, Progress

__all__ = ["OnProgress", "Progress"]
