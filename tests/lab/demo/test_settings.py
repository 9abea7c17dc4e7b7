from __future__ import annotations

from pathlib import Path

import pytest

import agent.config
import collector.config
from lab.demo.settings import Site, generated


@pytest.mark.parametrize("interfaces", [("lan0", "wan0"), ("eth0",)])
def test_both_daemons_understand_what_is_generated(
    tmp_path: Path, interfaces: tuple[str, ...]
) -> None:
    site = Site(tmp_path, 8080, Path("/sys/fs/bpf/weir-demo"), "weir-demo")
    site.config.write_text(generated(site, interfaces))
    edge = agent.config.load(site.config, {}, {})
    centre = collector.config.load(site.config, {}, {})
    assert edge.capture.interfaces == interfaces
    assert edge.capture.pin_directory == "/sys/fs/bpf/weir-demo"
    assert edge.agent.switch_id == "weir-demo"
    assert edge.agent.backend_url == (f"http://127.0.0.1:{centre.agent_port}",)
    assert edge.agent.token_file == str(site.token_file)
    assert f"{edge.agent.runtime_dir}/agent.sock" == str(site.agent_socket)
    assert site.url == f"http://{centre.bind_host}:{centre.console_port}"
    assert centre.console_port != centre.agent_port
