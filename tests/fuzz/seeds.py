"""Seeds of the corpus, made by hand: python -m tests.fuzz.seeds writes them anew."""

from __future__ import annotations

from pathlib import Path

from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    START_NS,
    SYN,
    Frame,
    ethernet,
    icmp,
    ip,
    pcap,
    pcapng,
    talk,
    tcp,
    timestamps,
    udp,
)

CORPUS = Path(__file__).parent / "corpus"
SIX = ("2001:db8::1", "2001:db8::2")


def packets() -> dict[str, bytes]:
    stamped = tcp(1, 2, PSH | ACK, b"data", options=timestamps(7, 8))
    inner = ip(CLIENT, SERVER, 6, stamped)
    return {
        "tcp": inner,
        "udp": ip(CLIENT, SERVER, 17, udp(53, 5353, b"data")),
        "icmp": ip(CLIENT, SERVER, 1, icmp(3, 3, bytes(4) + inner)),
        "sctp": ip(CLIENT, SERVER, 132, udp(5, 6, b"data")),
        "fragment": ip(CLIENT, SERVER, 17, udp(5, 6, b"data"), 7, 0x2000),
        "later": ip(CLIENT, SERVER, 17, b"data", 7, 5),
        "six": ip(*SIX, 6, stamped),
        "hops": ip(*SIX, 0, b"\x06\0\1\4\0\0\0\0" + stamped),
        "six-fragment": ip(*SIX, 44, b"\x11\0\0\1\0\0\0\7" + udp(5, 6, b"data")),
        "gre": ip(CLIENT, SERVER, 47, b"\0\0\x08\0" + inner),
        "ipip": ip(CLIENT, SERVER, 4, inner),
        "vxlan": ip(CLIENT, SERVER, 17, udp(1, 4789, b"\x08" + bytes(7) + ethernet(inner))),
        "gtp": ip(CLIENT, SERVER, 17, udp(1, 2152, b"\x30\xff\0\0\0\0\0\1" + inner)),
    }


def write() -> None:
    """Corpora of both targets; the first byte is the target's own."""
    for target in ("capture", "parse"):
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
    made = packets()
    for name, packet in made.items():
        (CORPUS / "parse" / name).write_bytes(b"\0" + ethernet(packet, (7,)))
        (CORPUS / "parse" / f"{name}-raw").write_bytes(b"\1" + packet)
    frames = [
        Frame(START_NS + at * 10**6, ethernet(p)) for at, p in enumerate(made.values())
    ]
    frames += talk(
        (1, ">", SYN, b""), (2, "<", SYN | ACK, b""), (3, ">", FIN, b""), (4, "<", RST, b"")
    )
    heads = {
        "sll": (113, b"\0" * 14 + b"\x08\0"),
        "null": (0, b"\2\0\0\0"),
        "ppp": (9, b"\xff\3\0\x21"),
        "sll2": (276, b"\x08\0" + b"\0" * 18),
    }
    for mode in range(3):
        for name, data in {
            "pcap": pcap(frames),
            "big": pcap(frames, True, ">"),
            "modified": pcap(frames, modified=True),
            "blocks": pcapng(frames),
            "big-blocks": pcapng(frames, ">"),
            **{
                kind: pcapng([Frame(START_NS, head + p, link) for p in made.values()])
                for kind, (link, head) in heads.items()
            },
        }.items():
            (CORPUS / "capture" / f"{name}-{mode}").write_bytes(bytes([mode + 12]) + data)


if __name__ == "__main__":
    write()
