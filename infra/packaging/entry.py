"""The module that Lambda imports first: it imports the handlers, sooner than they would be imported alone.

- All that an import makes stays. The garbage collector would search it again and again in vain, so it waits
  until the imports are done, and never looks at them later. About an eighth of the time.
- aiohttp makes two TLS contexts when it is imported, and reads the system's certificates for both. Under the
  SDK they are not used: it brings certificates and contexts of its own. So they are made without certificates
  (and would trust no server), unless a source of ours imports aiohttp for itself. About an eighth again.
"""

from collections.abc import Sequence

from infra.packaging.sources import Needs

_PLAIN = '''"""What Lambda imports first: see infra/packaging/entry.py."""

import gc

gc.disable()
from {module} import {handlers}

gc.freeze()
gc.enable()
'''

_WITHOUT_CERTIFICATES = '''"""What Lambda imports first: see infra/packaging/entry.py."""

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


def source(module: str, handlers: Sequence[str], needs: Needs) -> str:
    """Return the source of an entry that imports handlers from a module; `needs` are those of the module."""
    template = _PLAIN if "aiohttp" in needs.libraries else _WITHOUT_CERTIFICATES
    return template.format(module=module, handlers=", ".join(handlers))
