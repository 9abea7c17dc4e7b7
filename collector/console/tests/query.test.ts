import assert from "node:assert/strict";
import { test } from "node:test";
import { choice, integer, readQuery, text, writeQuery } from "../src/core/query.ts";

const SCHEMA = {
  agent: text(),
  show: choice(["both", "rx", "tx"], "both"),
  span: integer(300, [60, 300, 900]),
} as const;

const INITIAL = { agent: "", show: "both", span: 300 } as const;

test("an empty query is the initial state, and the initial state an empty query", () => {
  assert.deepEqual(readQuery(SCHEMA, ""), INITIAL);
  assert.equal(writeQuery(SCHEMA, INITIAL), "");
});

test("every state survives the way through the address bar", () => {
  for (const agent of ["", "edge-1", "a&b=c d/ü?"])
    for (const show of ["both", "rx", "tx"] as const)
      for (const span of [60, 300, 900]) {
        const state = { agent, show, span };
        assert.deepEqual(readQuery(SCHEMA, writeQuery(SCHEMA, state)), state);
      }
});

test("wrong, unknown and oversized values fall back to the initial ones", () => {
  for (const search of ["?show=sideways", "?span=61", "?span=6e1", "?other=1", `?agent=${"x".repeat(121)}`])
    assert.deepEqual(readQuery(SCHEMA, search), INITIAL, search);
});

test("one wrong value leaves the others alone", () => {
  assert.deepEqual(readQuery(SCHEMA, "?span=nine&show=tx"), { ...INITIAL, show: "tx" });
});
