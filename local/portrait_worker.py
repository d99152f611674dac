"""One portrait, in a process of its own: the container's handler on an event from standard input.

Runs in the environment of the container (`.venvs/cv`), which has MediaPipe and OpenCV.
"""

import json
import sys
from types import SimpleNamespace

# The handler logs to standard output, which here is for the result.
_results, sys.stdout = sys.stdout, sys.stderr

from cv.handler import handler  # noqa: E402

_CONTEXT = SimpleNamespace(
    function_name="portraits",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:portraits",
    aws_request_id="local",
)


def main() -> None:
    """Serve the one event; the result is a line of JSON."""
    result = handler(json.load(sys.stdin), _CONTEXT)  # type: ignore[arg-type]
    json.dump(result, _results)


if __name__ == "__main__":
    main()
