"""Exit 0 when the collector of this container says that it is healthy."""

import os
import urllib.request

port = os.environ.get("WEIR_COLLECTOR_CONSOLE_PORT", "3000")
urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10).close()
