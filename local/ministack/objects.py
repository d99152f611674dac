"""S3's objects on the disk: files of ministack's own, kept in step with the saves.

An object's file is written when it is put, and is brought to the disk before the first save that may know of
it. One that is deleted goes when a save no longer knows of it: after a kill, no row names a missing picture.
ministack answers "200" where a file could not be written, and keeps the bytes in memory: they are written
again with the next save, which fails if that fails.
"""

from pathlib import Path
from typing import Any, NamedTuple

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import s3

from local.ministack import generations


class Pending(NamedTuple):
    """The objects' files that a save has to treat: `written` are to be flushed, and `deleted` removed."""

    written: set[str]
    deleted: set[tuple[str, str, str, str]]


class Objects:
    """The objects' files, from here on, of ministack's S3 in this process. Make one only."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._deleted: set[tuple[str, str, str, str]] = set()
        self._write = s3._atomic_write
        self._delete = s3._delete_persisted_object
        self._error = OSError("an object could not be written")
        s3._atomic_write = self._note_write
        s3._delete_persisted_object = self._note_deletion

    def write_missing(self) -> None:
        """Write what could not be written when it was put. Raises OSError."""
        for (account, bucket), content in s3._buckets._data.items():
            for key, found in content["objects"].items():
                if found.get("body") is not None:
                    with request_scope(account, content.get("region") or get_region()):
                        s3._persist_object(bucket, key, found)
                    if found.get("body") is not None:
                        raise self._error

    def take(self) -> Pending:
        """Return what has come up since it was last asked: `flush` before a save, `remove` after it."""
        pending = Pending(self._written, self._deleted)
        self._written, self._deleted = set(), set()
        return pending

    def give_back(self, pending: Pending) -> None:
        """Leave it to the next save, as this one has failed."""
        self._written |= pending.written
        self._deleted |= pending.deleted

    def remove(self, pending: Pending) -> None:
        """Remove the files of deleted objects, but for those that have been put again."""
        for account, region, bucket, key in pending.deleted:
            content = s3._buckets._data.get((account, bucket))
            if content is None or key not in content["objects"]:
                with request_scope(account, region):
                    self._delete(bucket, key)

    def _note_write(self, path: str, data: Any, *, text: bool = False) -> None:
        try:
            self._write(path, data, text=text)
        except OSError as error:
            self._error = error
            raise
        self._written.add(path)

    def _note_deletion(self, bucket: str, key: str) -> None:
        self._deleted.add((get_account_id(), get_region(), bucket, key))


def flush(pending: Pending) -> None:
    """Bring the written files to the disk, and their names. Raises OSError."""
    existing = {path for path in map(Path, pending.written) if path.exists()}
    for path in existing:
        generations.fsync(path)
    for folder in {path.parent for path in existing}:
        generations.fsync(folder)
