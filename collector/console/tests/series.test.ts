import assert from "node:assert/strict";
import { test } from "node:test";
import { CLASSES } from "../src/core/classes.ts";
import { MOST_LANES, Series, total, type LaneRates, type Sample } from "../src/core/series.ts";
import { stacked, stackedClasses } from "../src/core/stack.ts";

const ALL = { agent: "", interface: "" };
const VIDEO = CLASSES.indexOf("video");

const lane = (agent: string, name: string, direction: "rx" | "tx", video: number): LaneRates => ({
  agent, interface: name, direction, rates: { video },
});
const at = (time: number, ...lanes: LaneRates[]): Sample => ({ time, lanes });

test("lanes are summed by direction and filtered by agent and interface", () => {
  const series = new Series(10);
  series.push(at(100, lane("a", "eth0", "rx", 1), lane("a", "eth1", "rx", 2), lane("b", "eth0", "rx", 4), lane("b", "eth0", "tx", 8)));
  const rows = [
    [ALL, 7, 8],
    [{ agent: "a", interface: "" }, 3, 0],
    [{ agent: "", interface: "eth0" }, 5, 8],
    [{ agent: "a", interface: "eth1" }, 2, 0],
    [{ agent: "c", interface: "" }, 0, 0],
  ] as const;
  for (const [selection, rx, tx] of rows) {
    const stretch = series.select(selection, 60);
    assert.deepEqual(stretch.times, [100]);
    assert.deepEqual([stretch.rx[VIDEO], stretch.tx[VIDEO]], [[rx], [tx]], JSON.stringify(selection));
  }
});

test("the window moves on and forgets what is older than its capacity", () => {
  const series = new Series(5);
  for (let time = 0; time < 12; time += 1) series.push(at(time, lane("a", "x", "rx", time)));
  const stretch = series.select(ALL, 60);
  assert.deepEqual(stretch.times, [7, 8, 9, 10, 11]);
  assert.deepEqual(stretch.rx[VIDEO], [7, 8, 9, 10, 11]);
});

test("a span shorter than the window shows its end", () => {
  const series = new Series(100);
  for (let time = 0; time < 50; time += 1) series.push(at(time, lane("a", "x", "rx", time)));
  assert.deepEqual(series.select(ALL, 2).times, [47, 48, 49]);
});

test("short holes are bridged, long ones stay open and old values never shine through", () => {
  const series = new Series(8);
  for (const time of [0, 1, 2, 9, 11]) series.push(at(time, lane("a", "x", "rx", time + 1)));
  const stretch = series.select(ALL, 8);
  assert.deepEqual(stretch.times, [9, 10, 11]);
  assert.deepEqual(stretch.rx[VIDEO], [10, 10, 12]);
  series.push(at(16, lane("a", "x", "rx", 17)));
  assert.deepEqual(series.select(ALL, 8).rx[VIDEO], [10, 10, 12, 12, 12, null, null, 17]);
});

test("a lane that falls silent counts as nothing, not as its last value", () => {
  const series = new Series(8);
  series.push(at(1, lane("a", "x", "rx", 5), lane("b", "x", "rx", 3)));
  series.push(at(2, lane("b", "x", "rx", 3)));
  assert.deepEqual(series.select(ALL, 8).rx[VIDEO], [8, 3]);
});

test("a repeated second is ignored, a clock set back starts anew", () => {
  const series = new Series(100);
  assert.equal(series.push(at(1000.1, lane("a", "x", "rx", 1))), true);
  assert.equal(series.push(at(1000.9, lane("a", "x", "rx", 9))), false);
  assert.equal(series.push(at(995, lane("a", "x", "rx", 9))), false);
  assert.deepEqual(series.select(ALL, 60).rx[VIDEO], [1]);
  assert.equal(series.push(at(500, lane("a", "x", "rx", 2))), true);
  assert.deepEqual(series.select(ALL, 60).times, [500]);
});

test("the number of lanes is bounded", () => {
  const series = new Series(3);
  const lanes = Array.from({ length: MOST_LANES + 5 }, (_, index) => lane("a", `x${index}`, "rx", 1));
  series.push(at(1, ...lanes));
  assert.equal(series.select(ALL, 3).rx[VIDEO]?.[0], MOST_LANES);
});

test("an empty series is an empty picture", () => {
  const stretch = new Series(3).select(ALL, 60);
  assert.deepEqual(stretch.times, []);
  assert.deepEqual(stacked(stretch, "both").map((column) => column.length), new Array(14).fill(0));
});

test("stacks are running sums, widest first, sent traffic below zero", () => {
  const series = new Series(3);
  series.push(at(1, { agent: "a", interface: "x", direction: "rx", rates: { voice: 1, video: 2, unknown: 4 } }, lane("a", "x", "tx", 8)));
  const stretch = series.select(ALL, 3);
  const both = stacked(stretch, "both").map(([value]) => value);
  assert.deepEqual(both, [7, 3, 3, 3, 3, 3, 1, -8, -8, -8, -8, -8, -8, -0]);
  assert.deepEqual(stacked(stretch, "tx").map(([value]) => value), [8, 8, 8, 8, 8, 8, 0]);
  assert.equal(stackedClasses("both").length, both.length);
  assert.deepEqual(stackedClasses("rx"), [...CLASSES].reverse());
});

test("a lane's total is the sum of its classes", () => {
  assert.equal(total({ voice: 1, video: 2, unknown: 4 }), 7);
});

test("what the collector remembers fills holes and stands before what was heard", () => {
  const series = new Series(10);
  series.push(at(105, lane("a", "x", "rx", 5)));
  series.push(at(106, lane("a", "x", "rx", 6)));
  series.fill([
    at(90, lane("a", "x", "rx", 1)),
    at(103, lane("a", "x", "rx", 3), lane("b", "x", "rx", 30)),
    at(104, lane("a", "x", "rx", 4)),
    at(105, lane("a", "x", "rx", 99)),
  ]);
  const stretch = series.select(ALL, 10);
  assert.deepEqual(stretch.times, [103, 104, 105, 106]);
  assert.deepEqual(stretch.rx[VIDEO], [33, 4, 5, 6]);
});

test("an empty series takes the past, and goes on from there", () => {
  const series = new Series(10);
  series.fill([at(1, lane("a", "x", "rx", 1)), at(2, lane("a", "x", "rx", 2))]);
  assert.equal(series.push(at(3, lane("a", "x", "rx", 3))), true);
  assert.deepEqual(series.select(ALL, 10).rx[VIDEO], [1, 2, 3]);
});
