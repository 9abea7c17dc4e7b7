import assert from "node:assert/strict";
import { test } from "node:test";
import { endName, endpointName, protocolName } from "../src/core/ends.ts";

test("an address carries its port where the protocol has one", () => {
  const rows = [
    [6, "2001:db8::1", 443, "[2001:db8::1]:443"],
    [17, "192.0.2.1", 53, "192.0.2.1:53"],
    [47, "2001:db8::1", 0, "2001:db8::1"],
    [1, "192.0.2.1", 2048, "192.0.2.1"],
    [58, "2001:db8::1", 0x8000, "2001:db8::1"],
  ] as const;
  for (const [protocol, address, port, wanted] of rows)
    assert.equal(endName(protocol, address, port), wanted);
});

test("protocols go by name, ICMP with type and code", () => {
  const rows = [[6, 443, "TCP"], [1, 0x0800, "ICMP 8/0"], [58, 0x8001, "ICMPv6 128/1"], [200, 0, "IP 200"]] as const;
  for (const [protocol, port, wanted] of rows) assert.equal(protocolName(protocol, port), wanted);
});

test("the rest of the endpoints has a name that says so", () => {
  assert.equal(endpointName("other"), "all others");
  assert.equal(endpointName("192.0.2.1"), "192.0.2.1");
});
