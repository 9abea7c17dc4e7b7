/** Requests to the collector; every failure becomes one line for the user. */

import type { Read } from "../core/shape.ts";

const TIMEOUT_MS = 15_000;

export class RequestFailed extends Error {
  override readonly name = "RequestFailed";
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Fired on the window when the collector wants a sign-in. */
export const SIGNED_OUT = "weir:signed-out";

export async function getJson<T>(path: string, read: Read<T>, signal: AbortSignal): Promise<T> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const response = await ask(path, { signal: either });
  if (response.status === 401) dispatchEvent(new Event(SIGNED_OUT));
  return read(await bodyOf(response, path), path);
}

/** Sends a change. `csrf` is what /api/auth/me gave; empty before a sign-in. */
export async function postJson<T>(path: string, body: unknown, csrf: string, read: Read<T>): Promise<T> {
  const response = await ask(path, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { "content-type": "application/json", ...(csrf ? { "x-csrf-token": csrf } : {}) },
  });
  return read(await bodyOf(response, path), path);
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, headers: { accept: "application/json", ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new RequestFailed("The collector does not answer.", 0);
  }
}

/** The parsed body of a good answer; the collector's own words from a bad one. */
async function bodyOf(response: Response, path: string): Promise<unknown> {
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    throw new RequestFailed(`${path}: the answer is not JSON; is a proxy in between?`, response.status);
  }
  if (response.ok) return body;
  const reason = (body as { readonly error?: unknown } | null)?.error;
  const words = typeof reason === "string" ? reason : `status ${response.status}`;
  throw new RequestFailed(words, response.status);
}
