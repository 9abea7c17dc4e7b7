import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FIRST_PAUSE_MS, LONGEST_PAUSE_MS, pauseMs, SILENCE_MS, step, STOPPED, type Effect, type Link, type LinkEvent,
} from "../src/core/reconnect.ts";

type Line = readonly [at: number, event: LinkEvent["name"], state: Link["name"], effect: Effect];

/** Plays events against the machine and compares what it says after each. */
function conversation(lines: readonly Line[]): Link {
  let link = STOPPED;
  lines.forEach(([at, name, state, effect], index) => {
    const next = step(link, { name }, at, 0);
    assert.deepEqual([next.link.name, next.effect], [state, effect], `line ${index}: ${name} at ${at}`);
    link = next.link;
  });
  return link;
}

test("opens, hears, and stays open while something is heard in time", () => {
  conversation([
    [0, "start", "connecting", "connect"],
    [40, "opened", "open", "none"],
    [1000, "heard", "open", "none"],
    [1000 + SILENCE_MS, "tick", "open", "none"],
  ]);
});

test("a lost connection is tried again after the first pause", () => {
  conversation([
    [0, "start", "connecting", "connect"],
    [40, "opened", "open", "none"],
    [5000, "lost", "waiting", "none"],
    [5000 + FIRST_PAUSE_MS - 1, "tick", "waiting", "none"],
    [5000 + FIRST_PAUSE_MS, "tick", "connecting", "connect"],
    [6000, "opened", "open", "none"],
  ]);
});

test("silence counts as lost, and the dead socket is let go", () => {
  conversation([
    [0, "start", "connecting", "connect"],
    [40, "opened", "open", "none"],
    [40 + SILENCE_MS + 1, "tick", "waiting", "disconnect"],
  ]);
});

test("a connection that never opens is given up", () => {
  conversation([
    [0, "start", "connecting", "connect"],
    [SILENCE_MS + 1, "tick", "waiting", "disconnect"],
  ]);
});

test("pauses double up to a bound, and a success starts them over", () => {
  let link = step(STOPPED, { name: "start" }, 0, 0).link;
  const pauses: number[] = [];
  for (let now = 0; pauses.length < 8; ) {
    link = step(link, { name: "lost" }, now, 0).link;
    assert.ok(link.name === "waiting");
    pauses.push(link.until - now);
    now = link.until;
    link = step(link, { name: "tick" }, now, 0).link;
  }
  assert.deepEqual(pauses.slice(0, 3), [500, 1000, 2000]);
  assert.equal(pauses.at(-1), LONGEST_PAUSE_MS);
  link = step(link, { name: "opened" }, 0, 0).link;
  link = step(link, { name: "lost" }, 0, 0).link;
  assert.ok(link.name === "waiting" && link.until === FIRST_PAUSE_MS);
});

test("jitter shortens a pause by at most a quarter", () => {
  assert.equal(pauseMs(1, 0), FIRST_PAUSE_MS);
  assert.equal(pauseMs(1, 1), FIRST_PAUSE_MS * 0.75);
  assert.equal(pauseMs(99, 0), LONGEST_PAUSE_MS);
});

test("the user may hurry while waiting, and only then", () => {
  const waiting: Link = { name: "waiting", attempt: 3, until: 9e9 };
  assert.equal(step(waiting, { name: "retry" }, 0, 0).effect, "connect");
  const open: Link = { name: "open", heard: 0 };
  assert.deepEqual(step(open, { name: "retry" }, 1, 0), { link: open, effect: "none" });
});

test("stop closes what is open and then ignores everything but start", () => {
  assert.deepEqual(step({ name: "open", heard: 0 }, { name: "stop" }, 1, 0), { link: STOPPED, effect: "disconnect" });
  assert.deepEqual(step({ name: "waiting", attempt: 1, until: 5 }, { name: "stop" }, 1, 0), { link: STOPPED, effect: "none" });
  for (const name of ["opened", "heard", "lost", "tick", "retry"] as const)
    assert.deepEqual(step(STOPPED, { name }, 1, 0), { link: STOPPED, effect: "none" });
});
