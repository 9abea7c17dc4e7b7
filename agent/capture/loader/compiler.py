"""Run as a script: bcc compiles a source file; a function a line, name and code in hex.

A process of its own, so that the compiler's memory goes when its work is done, and a file
of its own, so that any Python with Debian's python3-bpfcc can run it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

NO_BCC: Final = 3
FUNCTIONS: Final = (
    "weir_xdp",
    "weir_ingress",
    "weir_egress",
    "weir_close",
    "weir_verdict",
    "weir_walk",
    "sample_entry",
)


def main(source: str, *flags: str) -> int:
    """Compile; flags go to the compiler. Errors are on standard error."""
    try:
        from bcc import BPF
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return NO_BCC
    # Includes are found beside the source, whatever bcc calls it.
    os.chdir(Path(source).parent)
    module = BPF(src_file=source.encode(), cflags=["-I.", *flags])
    for name in FUNCTIONS:
        sys.stdout.write(f"{name} {module.dump_func(name.encode()).hex()}\n")
    sys.stdout.flush()
    # Leave at once: bcc's own farewell has nothing to undo.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
