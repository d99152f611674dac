"""The descriptions that ministack's S3 keeps beside its objects' files, checked before it reads them."""

import json
import os
from pathlib import Path

from local.ministack.generations import StateError

_SIDECAR = ".meta.json"


def check(folder: Path) -> None:
    """Raise StateError, naming it, for a folder or an object's description that cannot be read.

    ministack leaves out the one, and replaces the other by guesses. Call before ministack's S3 is imported.
    """
    for parent, _, names in os.walk(folder, onerror=_refuse_folder):
        for name in names:
            if name.endswith(_SIDECAR):
                _check_sidecar(Path(parent, name))


def _check_sidecar(path: Path) -> None:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        problem = str(error.strerror)
    except ValueError:
        problem = "it is empty, cut short, or no JSON"
    else:
        if isinstance(content, dict):
            return
        problem = "it describes no object"
    picture = path.name.removesuffix(_SIDECAR)
    raise StateError(
        f"The file {path}, which describes the stored object {picture} beside it, cannot be read: {problem}. "
        "Nothing was overwritten. Put a copy of it in its place, or move both away, to lose this object."
    )


def _refuse_folder(error: OSError) -> None:
    raise StateError(f"The folder {error.filename} of stored objects cannot be read: {error.strerror}.")
