"""Trees put up, moved and taken away without a start of Python for each.

Runs under the interpreter of the installed package, with its code: one order a line, one
line of JSON for an answer. The agent finds the trees as it finds those of its command.
"""

from __future__ import annotations

import json
import random
import sys
import time
import tomllib

from agent import settled
from agent.config import Agent, Config
from agent.qos.apply import statistics, transaction
from agent.qos.apply.operate import Operator
from agent.qos.htb import Moves


def operator(settings: str) -> Operator:
    """As the command makes it: with the rules that the API was given."""
    agent = Agent(data_dir="/var/lib/weir-agent")
    config = Config(agent, qos=tomllib.loads(settings)["qos"])
    return Operator(settled.regulation_in_force(config), settled.qos_directory(config))


def apply(settings: str) -> int:
    with operator(settings) as one:
        return len(one.apply())


def revert(settings: str) -> int:
    with operator(settings) as one:
        return len(one.revert())


def move(settings: str, device: str, changes: int, seed: int) -> dict[str, int]:
    """Change rates in place so often, a few a turn; what the classes held and dropped."""
    dice = random.Random(seed)
    asked = taken = most = 0
    with operator(settings) as one:
        index = next(
            link["index"]
            for link in one.netlink.devices()
            if link.get_attr("IFLA_IFNAME") == device
        )
        before = statistics.by_class(one.netlink, index)
        while taken < changes:
            moves = Moves(
                dice.randrange(10, 21) * 1_000_000,
                {"background": dice.randrange(1, 19) * 1_000_000},
            )
            wanted, _ = one.wanted({device: (moves, Moves())})
            taken += len(transaction.adjust(one.kernel, wanted))
            asked += 1
            held = statistics.by_class(one.netlink, index)
            most = max(most, sum(counts.backlog_packets for counts in held.values()))
            time.sleep(0.02)
        calm, _ = one.wanted()
        transaction.adjust(one.kernel, calm)
    dropped = sum(held[name].drops - before[name].drops for name in held)
    return {"turns": asked, "changes": taken, "most_waiting": most, "dropped": dropped}


def main() -> None:
    orders = {"apply": apply, "revert": revert, "move": move}
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"done": orders[order.pop("order")](**order)}
        except (OSError, ValueError) as error:
            answer = {"refused": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
