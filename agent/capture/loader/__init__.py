"""The door to bpf(2): loading, pinning, attaching and reading, through libbpf.so.1."""
