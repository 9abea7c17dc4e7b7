"""One rtnetlink socket: requests that are answered, dumps that are whole.

tc messages travel with their options as bytes: pyroute2's own encoders build rate tables
that kernels no longer read, and decode only some kinds. What a dump tells of tc is read
here, every second, for a tenth of the time that pyroute2 takes to make messages of it.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Self

from pyroute2.netlink import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    nlmsg,
)
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nlsocket import NetlinkSocket
from pyroute2.netlink.rtnl import (
    RTM_DELLINK,
    RTM_DELQDISC,
    RTM_DELTCLASS,
    RTM_DELTFILTER,
    RTM_GETLINK,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_GETTFILTER,
    RTM_NEWLINK,
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
    RTM_NEWTFILTER,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from agent.qos.apply.options import attributes

_NETLINK_ROUTE: Final = 0
# A dump that changed under the reader is asked for again, so often.
_DUMP_TRIES: Final = 5


class Refused(OSError):
    """The kernel said no, or could not be asked."""

    @property
    def is_gone(self) -> bool:
        """True when what was asked about is not there (any more)."""
        return self.errno in (errno.ENODEV, errno.ENOENT)


class TcMessage(nlmsg):  # type: ignore[misc]
    """struct tcmsg with its attributes left as they are."""

    prefix = "TCA_"
    fields = (
        ("family", "B"), ("pad1", "B"), ("pad2", "H"), ("index", "i"),
        ("handle", "I"), ("parent", "I"), ("info", "I"),
    )  # fmt: skip
    nla_map = (
        ("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "cdata"),
        ("TCA_STATS", "cdata"), ("TCA_XSTATS", "cdata"), ("TCA_RATE", "cdata"),
        ("TCA_FCNT", "cdata"), ("TCA_STATS2", "cdata"), ("TCA_STAB", "cdata"),
    )  # fmt: skip


_ATTRIBUTES: Final = {name: at for at, (name, _) in enumerate(TcMessage.nla_map)}
_FIELDS: Final = ("family", "index", "handle", "parent", "info")
_HEADER: Final = struct.Struct("=IHHII")  # length kind flags sequence port
_TCMSG: Final = struct.Struct("=BxxxiIII")


class TcAnswer(dict[str, Any]):
    """What a dump tells of one qdisc, class or filter; read like a message of pyroute2."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        super().__init__()
        self._data, self._offset = data, offset

    def decode(self) -> None:
        """Read what everybody asks for; attributes are read when they are."""
        begin = self._offset + _HEADER.size
        _, kind, flags, _, _ = _HEADER.unpack_from(self._data, self._offset)
        self["header"] = {"type": kind, "flags": flags}
        if len(self._data) >= begin + _TCMSG.size:
            self.update(zip(_FIELDS, _TCMSG.unpack_from(self._data, begin), strict=True))

    @property
    def is_first(self) -> bool:
        """True for the first one of its datagram."""
        return not self._offset

    def get_attr(self, name: str) -> Any:
        """Return an attribute as bytes, the kind as text; None: it has none."""
        value = self._attributes.get(_ATTRIBUTES[name])
        if value is None or name != "TCA_KIND":
            return value
        return value.rstrip(b"\0").decode()

    @cached_property
    def _attributes(self) -> dict[int, bytes]:
        begin = self._offset + _HEADER.size + _TCMSG.size
        end = self._offset + _HEADER.unpack_from(self._data, self._offset)[0]
        return attributes(self._data[begin:end])


_POLICY: Final = dict.fromkeys(
    (
        RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC, RTM_NEWTCLASS, RTM_DELTCLASS,
        RTM_GETTCLASS, RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER,
    ),
    TcAnswer,
) | dict.fromkeys((RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK), ifinfmsg)  # fmt: skip


@dataclass(slots=True)
class _Dump:
    """Takes the parts of a dump as they come."""

    found: list[Any] = field(default_factory=list)
    is_whole: bool = True  # nothing changed under the reader

    def __call__(self, one: Any) -> bool:
        """Take a message; tell whether pyroute2 need not carry it any further."""
        self.is_whole &= not one["header"]["flags"] & NLM_F_DUMP_INTR
        if not isinstance(one, TcAnswer):
            return False
        self.found.append(one)
        # A datagram of which nothing is carried on would end the dump.
        return not one.is_first


class Netlink:
    """A socket in the network namespace of the thread that makes it.

    Made and used in worker threads: pyroute2 runs an event loop of its own, which a thread
    that runs one already does not allow.
    """

    def __init__(self) -> None:
        self._socket = NetlinkSocket(family=_NETLINK_ROUTE, ext_ack=True)
        self._socket.register_policy(_POLICY)
        self.writes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def write(self, message: nlmsg, kind: int, flags: int = 0) -> None:
        """Send one request that changes something, wait for the answer. Raises Refused."""
        self.writes += 1
        self._ask(message, kind, NLM_F_REQUEST | NLM_F_ACK | flags)

    def dump(self, message: nlmsg, kind: int) -> list[Any]:
        """Return every object of a kind. Raises Refused."""
        for _ in range(_DUMP_TRIES - 1):
            try:
                return self._ask(message, kind, NLM_F_REQUEST | NLM_F_DUMP)
            except Refused as refused:
                if refused.errno not in (errno.EINTR, errno.EAGAIN):
                    raise
        return self._ask(message, kind, NLM_F_REQUEST | NLM_F_DUMP)

    def _ask(self, message: nlmsg, kind: int, flags: int) -> list[Any]:
        dump = _Dump()
        try:
            request = self._socket.nlm_request(
                message, msg_type=kind, msg_flags=flags, callback=dump
            )
            answers = list(request)
        except NetlinkError as error:
            raise Refused(error.code, _reason(error)) from error
        except OSError as error:
            raise Refused(error.errno or errno.EIO, error.strerror or str(error)) from error
        if not dump.is_whole:
            raise Refused(errno.EINTR, os.strerror(errno.EINTR))
        return dump.found or answers

    def devices(self) -> Iterator[Any]:
        """Yield the links of the namespace."""
        yield from self.dump(ifinfmsg(), RTM_GETLINK)

    def tc(self, kind: int, index: int, **fields: int) -> list[Any]:
        """Return the qdiscs, classes or filters of a device; [] when it vanished."""
        message = tc_message(index, **fields)
        found = self.dump(message, kind)
        return [one for one in found if one["index"] == index]


def tc_message(index: int, **fields: int) -> TcMessage:
    """Return an empty tc message about a device."""
    message = TcMessage()
    message["index"] = index
    for name, value in fields.items():
        message[name] = value
    return message


def _reason(error: NetlinkError) -> str:
    text = error.args[1] if len(error.args) > 1 and error.args[1] else ""
    return text or os.strerror(error.code)
