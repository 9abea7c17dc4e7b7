import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { complaints, tableShare, verdict } from "../src/core/health.ts";
import { clock, limits, tick } from "../src/core/plot.ts";
import { readAgents, readEndpoints, readFlows, type Agent } from "../src/core/records.ts";
import { findRoute, ROUTES } from "../src/core/routes.ts";
import { Malformed } from "../src/core/shape.ts";
import { question } from "../src/pages/overview/state.ts";

test("addresses lead to pages, a slash at the end is forgiven", () => {
  const rows = [
    ["/", "Overview"],
    ["/agents", "Agents"],
    ["/agents/", "Agents"],
    ["//", "Overview"],
    ["/Agents", undefined],
    ["/agents/x", undefined],
    ["/nowhere", undefined],
  ] as const;
  for (const [path, title] of rows) assert.equal(findRoute(path)?.title, title, path);
});

test("every page has a folder of its own and a line in the table of modules", () => {
  const modules = readFileSync(new URL("../src/pages/index.ts", import.meta.url), "utf8");
  for (const { path } of ROUTES) {
    const [, folder] = new RegExp(`"${path}": \\(\\) => import\\("\\./([\\w-]+)/index\\.tsx"\\)`).exec(modules) ?? [];
    assert.ok(folder && existsSync(new URL(`../src/pages/${folder}/index.tsx`, import.meta.url)), path);
  }
});

const source = new URL("../src/", import.meta.url);
const modules = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(tsx?|css)$/.test(name))
  .map((name) => [name, readFileSync(new URL(name, source), "utf8")] as const);

test("no module is longer than 300 lines", () => {
  for (const [name, text] of modules) assert.ok(text.split("\n").length <= 301, name);
});

test("core stands on nothing but itself", () => {
  for (const [name, text] of modules.filter(([path]) => path.startsWith("core/")))
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) assert.match(from ?? "", /^\.\/[\w-]+\.ts$/, name);
});

test("no module writes markup, evaluates text or names another host", () => {
  for (const [name, text] of modules)
    assert.doesNotMatch(text, /innerHTML|dangerously|\beval\(|new Function|https?:\/\/|url\(/, name);
});

test("a question leaves out what says nothing, and escapes the rest", () => {
  assert.equal(question("/api/flows", { agent: "", limit: 10 }), "/api/flows?limit=10");
  assert.equal(question("/api/flows", { agent: "a&b c" }), "/api/flows?agent=a%26b+c");
});

const AGENT: Agent = {
  name: "a", health: "online", hostname: "", version: "", missing_batches: 0, batches: 1, bytes: 1,
  last_seen: 1000, last_batch: 1000, lag_seconds: 0, clock_skew_seconds: null, interfaces: [], status: {},
};

test("health is said in words, with what to look at", () => {
  assert.deepEqual(verdict(AGENT), ["good", "Online"]);
  assert.deepEqual(verdict({ ...AGENT, health: "molten" }), ["idle", "molten"]);
  const rows: readonly (readonly [Partial<Agent>, readonly RegExp[]])[] = [
    [{}, []],
    [{ clock_skew_seconds: 4 }, []],
    [{ health: "offline" }, [/Silent for 1 min 40 s/]],
    [{ health: "degraded", missing_batches: 3 }, [/3 batches never came/]],
    [{ health: "late", clock_skew_seconds: -90 }, [/Silent/, /1 min 30 s behind/]],
  ];
  for (const [part, wanted] of rows) {
    const found = complaints({ ...AGENT, ...part }, 1100);
    assert.equal(found.length, wanted.length, found.join());
    wanted.forEach((pattern, index) => assert.match((found[index] ?? "").replaceAll("\u00a0", " "), pattern));
  }
});

test("the flow table's share needs both figures", () => {
  assert.equal(tableShare(AGENT), null);
  assert.equal(tableShare({ ...AGENT, status: { flows_live: 5, flows_max: 0 } }), null);
  assert.equal(tableShare({ ...AGENT, status: { flows_live: 5, flows_max: 20 } }), 0.25);
  assert.equal(tableShare({ ...AGENT, status: { flows_live: "5", flows_max: 20 } }), null);
});

test("answers are read field by field; extra fields are ignored", () => {
  assert.deepEqual(readAgents({ count: 0, agents: [] }, "x"), { agents: [] });
  const flow = {
    agent: "a", interface: "e", source: "::1", destination: "::2", source_port: 1, destination_port: 2,
    protocol: 6, class: "teleport", bytes: 9, packets: 1, rtt_ms: null, retransmits: 0, vlan: 5,
  };
  assert.equal(readFlows({ flows: [flow] }, "x").flows[0]?.class, "unknown");
  assert.throws(() => readFlows({ flows: [{ ...flow, bytes: "9" }] }, "/api/flows"), (error) =>
    error instanceof Malformed && error.message === "/api/flows.flows[0].bytes: expected a number");
  const endpoint = { endpoint_id: "e", unique_peers: 1.2, bytes_in: 1, bytes_out: 2, flow_count: 3, class_bytes: { web: 3 } };
  assert.deepEqual(readEndpoints({ endpoints: [endpoint] }, "x").endpoints, [endpoint]);
});

test("an idle chart keeps a calm scale, a mirrored one has room below zero", () => {
  assert.deepEqual(limits(null, null, false), [0, 1080]);
  assert.deepEqual(limits(-2e6, 1e6, true), [-2.16e6, 1.08e6]);
  assert.deepEqual(limits(0, 5000, true), [-1080, 5400]);
});

test("ticks are short", () => {
  const rows = [[0, "0"], [-5e7, "50 M"], [2.5e6, "2.5 M"], [1e9, "1 G"], [1.25e9, "1.25 G"], [200, "200"]] as const;
  for (const [value, wanted] of rows) assert.equal(tick(value), wanted);
});

test("clock text has two digits each", () => {
  assert.match(clock(1_700_000_000, true), /^\d\d:\d\d:20$/);
  assert.match(clock(1_700_000_000, false), /^\d\d:\d\d$/);
});
