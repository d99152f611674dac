"""The modules that Lambda imports first: each imports handlers, sooner than they would be imported alone.

- All that an import makes stays. The garbage collector would search it again and again in vain, so it waits
  until the imports are done, and never looks at them later. About an eighth of the time.
- aiohttp makes two TLS contexts when it is imported, and reads the system's certificates for both. They are
  not used: the SDK brings certificates and contexts of its own, and so does `runtime.key_set`. So they are
  made without certificates, and trust no server. About an eighth again.
"""

from collections.abc import Sequence

_SOURCE = '''"""What Lambda imports first: see infra/packaging/entry.py."""

import gc
import os

gc.disable()
kept = os.environ.get("SSL_CERT_FILE")
os.environ["SSL_CERT_FILE"] = os.devnull
from {module} import {handlers}

if kept is None:
    del os.environ["SSL_CERT_FILE"]
else:
    os.environ["SSL_CERT_FILE"] = kept
gc.freeze()
gc.enable()
'''


def source(module: str, handlers: Sequence[str]) -> str:
    """Return the source of an entry that imports handlers from a module."""
    return _SOURCE.format(module=module, handlers=", ".join(handlers))
