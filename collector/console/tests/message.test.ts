import assert from "node:assert/strict";
import { test } from "node:test";
import { readHistory, readMessage } from "../src/core/message.ts";
import { busiest, interfacesNow } from "../src/core/lanes.ts";
import { Malformed } from "../src/core/shape.ts";
import type { Interface } from "../src/core/records.ts";

const way = (bps: number, classes: Readonly<Record<string, number>> = {}) => ({
  bps, pps: 1,
  classes: Object.fromEntries(Object.entries(classes).map(([name, rate]) => [name, { bps: rate, pps: 1 }])),
});
const second = (interfaces: unknown[], timestamp = 1000.25) =>
  JSON.stringify({ type: "throughput", timestamp, interfaces });
const ONE = { agent: "a", interface: "eth0", rx: way(100, { video: 60, web: 30 }), tx: way(8) };

test("a throughput message becomes two lanes an interface", () => {
  const sample = readMessage(second([ONE]));
  assert.deepEqual(sample, {
    time: 1000.25,
    lanes: [
      { agent: "a", interface: "eth0", direction: "rx", rates: { video: 60, web: 30, unknown: 10 } },
      { agent: "a", interface: "eth0", direction: "tx", rates: { unknown: 8 } },
    ],
  });
});

test("a class that this console does not know yet counts as unknown", () => {
  const sample = readMessage(second([{ ...ONE, rx: way(50, { holograms: 30, unknown: 20 }) }]));
  assert.deepEqual(sample?.lanes[0]?.rates, { unknown: 50 });
});

test("other kinds of message are not ours", () => {
  for (const type of ["connected", "traffic-update", "traffic-by-type", "subscribed"])
    assert.equal(readMessage(JSON.stringify({ type, timestamp: 1 })), null);
});

test("what is no message is refused with the place of the fault", () => {
  const rows: readonly (readonly [unknown, RegExp])[] = [
    [null, /message: expected text/],
    ["[]", /message: expected an object/],
    ['{"kind":1}', /message\.type: expected text/],
    [second([{ ...ONE, rx: null }]), /message\.interfaces\[0\]\.rx: expected an object/],
    [second([{ ...ONE, tx: way(Number.NaN) }]), /interfaces\[0\]\.tx\.bps: expected a number/],
    ['{"type":"throughput","timestamp":1,"interfaces":{}}', /message\.interfaces: expected a list/],
  ];
  for (const [data, reason] of rows)
    assert.throws(() => readMessage(data), (error) => error instanceof Malformed && reason.test(error.message));
  assert.throws(() => readMessage("{"), SyntaxError);
});

const port = (name: string, speed_bps: number): Interface => ({
  name, speed_bps, mtu: 1500, mac: "", is_up: true, addresses: [], rx_mode: "", tx_mode: "",
});
const AGENTS = [
  { name: "a", interfaces: [port("eth0", 1000), port("eth1", 0)] },
  { name: "b", interfaces: [port("eth0", 100)] },
];

test("every known interface has a row, with or without traffic", () => {
  const lanes = readMessage(second([ONE, { ...ONE, agent: "c", interface: "new0" }]))?.lanes ?? [];
  const rows = interfacesNow(lanes, AGENTS, { agent: "", interface: "" });
  assert.deepEqual(
    rows.map((row) => [row.agent, row.interface, row.rx_bps, row.tx_bps, row.used]),
    [
      ["a", "eth0", 100, 8, 0.1],
      ["a", "eth1", 0, 0, null],
      ["b", "eth0", 0, 0, 0],
      ["c", "new0", 100, 8, null],
    ],
  );
  assert.deepEqual(rows[0]?.mix, { video: 60, web: 30, unknown: 18 });
  assert.equal(busiest(rows)?.interface, "eth0");
  assert.equal(busiest(interfacesNow(lanes, AGENTS, { agent: "c", interface: "" })), null);
});

test("a selection narrows the rows", () => {
  const names = (agent: string, name: string) =>
    interfacesNow([], AGENTS, { agent, interface: name }).map((row) => `${row.agent}/${row.interface}`);
  assert.deepEqual(names("a", ""), ["a/eth0", "a/eth1"]);
  assert.deepEqual(names("", "eth0"), ["a/eth0", "b/eth0"]);
  assert.deepEqual(names("b", "eth1"), []);
});

test("history becomes samples without the interfaces that were silent", () => {
  const way = (bps: unknown[], classes: Readonly<Record<string, unknown[]>> = {}) => ({ bps, classes });
  const past = {
    times: [10, 11],
    interfaces: [
      { agent: "a", interface: "x", rx: way([100, null], { video: [60, null] }), tx: way([8, null]) },
      { agent: "b", interface: "x", rx: way([null, 5]), tx: way([null, 0]) },
    ],
  };
  assert.deepEqual(readHistory(past, "history"), [
    { time: 10, lanes: [
      { agent: "a", interface: "x", direction: "rx", rates: { video: 60, unknown: 40 } },
      { agent: "a", interface: "x", direction: "tx", rates: { unknown: 8 } },
    ] },
    { time: 11, lanes: [
      { agent: "b", interface: "x", direction: "rx", rates: { unknown: 5 } },
      { agent: "b", interface: "x", direction: "tx", rates: {} },
    ] },
  ]);
  assert.throws(() => readHistory({ times: [1] }, "history"), Malformed);
});
