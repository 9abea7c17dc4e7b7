"""What the store in this process asks of the processor: chDB is built for AVX2."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collector.config import Config
from wire.settings import ConfigError

CPUINFO: Final = Path("/proc/cpuinfo")


def has_avx2(cpuinfo: str) -> bool:
    """Read /proc/cpuinfo (proc_cpuinfo(5)); machines that list no x86 flags have none."""
    flags = [line for line in cpuinfo.splitlines() if line.startswith("flags")]
    return not flags or all("avx2" in line.split() for line in flags)


def demand(config: Config) -> None:
    """Raise ConfigError where loading the store would end the process (SIGILL)."""
    if not config.store_url and not has_avx2(CPUINFO.read_text()):
        raise ConfigError(
            "store_url: this processor has no AVX2, which the embedded store needs: "
            "name a ClickHouse server there, or run the collector on another machine"
        )
