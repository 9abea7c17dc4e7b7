/** Holds the palette to its promises: readable text, visible areas, classes told apart by every eye. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

type Vector = readonly [number, number, number];

const css = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");
const colours = new Map<string, readonly [string, string]>();
for (const [, name, light, dark] of css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g))
  colours.set(name ?? "", [light ?? "", dark ?? ""]);

const THEMES = ["light", "dark"] as const;
const colour = (name: string, theme: number): Vector => linear(colours.get(name)?.[theme] ?? "");

function linear(hex: string): Vector {
  assert.match(hex, /^#[0-9a-f]{6}$/i);
  const channel = (start: number) => {
    const value = Number.parseInt(hex.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

const dot = (left: Vector, right: Vector) => left[0] * right[0] + left[1] * right[1] + left[2] * right[2];
const times = (rows: readonly [Vector, Vector, Vector], by: Vector): Vector =>
  [dot(rows[0], by), dot(rows[1], by), dot(rows[2], by)];

/** WCAG 2 contrast ratio. */
function contrast(left: Vector, right: Vector): number {
  const [dim, bright] = [left, right].map((one) => dot([0.2126, 0.7152, 0.0722], one) + 0.05).sort((a, b) => a - b);
  return (bright ?? 0) / (dim ?? 1);
}

/** OKLab, in which distances follow what is seen. */
function oklab(rgb: Vector): Vector {
  const clipped = rgb.map((value) => Math.min(1, Math.max(0, value))) as unknown as Vector;
  const cones = times([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
  ], clipped).map(Math.cbrt) as unknown as Vector;
  return times([
    [0.2104542553, 0.793617785, -0.0040720468],
    [1.9779984951, -2.428592205, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.808675766],
  ], cones);
}

/** What people without one kind of cone see (Machado, Oliveira and Fernandes 2009, severity 1). */
const EYES: Readonly<Record<string, readonly [Vector, Vector, Vector]>> = {
  full: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

const CLASSES = [...colours.keys()].filter((name) => name.startsWith("class-"));

test("every class has its colour", () => assert.equal(CLASSES.length, 7));

THEMES.forEach((theme, index) => {
  test(`${theme}: text reaches 4.5 on every ground`, () => {
    for (const ink of ["text", "text-soft", "accent", "good", "warn", "bad"])
      for (const ground of ["panel", "page", "raised"]) {
        const ratio = contrast(colour(ink, index), colour(ground, index));
        assert.ok(ratio >= 4.5, `${ink} on ${ground}: ${ratio.toFixed(2)}`);
      }
    for (const [ink, ground] of [["bad", "bad-soft"], ["text", "bad-soft"], ["text", "warn-soft"], ["on-accent", "accent"]] as const)
      assert.ok(contrast(colour(ink, index), colour(ground, index)) >= 4.5, `${ink} on ${ground}`);
  });

  test(`${theme}: class colours and focus reach 3 on the panel`, () => {
    for (const name of [...CLASSES, "focus"]) {
      const ratio = contrast(colour(name, index), colour("panel", index));
      assert.ok(ratio >= 3, `${name}: ${ratio.toFixed(2)}`);
    }
  });

  for (const [eye, matrix] of Object.entries(EYES))
    test(`${theme}: classes differ for ${eye} colour vision`, () => {
      CLASSES.forEach((left, place) => {
        for (const right of CLASSES.slice(place + 1)) {
          const [one, other] = [left, right].map((name) => oklab(times(matrix, colour(name, index)))) as [Vector, Vector];
          const distance = 100 * Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]);
          assert.ok(distance >= 8, `${left} and ${right}: ${distance.toFixed(1)}`);
        }
      });
    });
});
