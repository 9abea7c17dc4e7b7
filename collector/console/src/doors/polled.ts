/** Answers that refresh themselves while the page is looked at. */

import { useEffect, useState } from "preact/hooks";
import type { Read } from "../core/shape.ts";
import { getJson } from "./http.ts";

export interface Answer<T> {
  /** The last good answer to this very question. */
  readonly data: T | null;
  /** Why the last try failed; data may then be old. */
  readonly error: Error | null;
}

interface Held<T> extends Answer<T> {
  readonly path: string;
}

/** Asks `path` now, every `everyMs`, and again when `epoch` changes. */
export function usePolled<T>(path: string, read: Read<T>, everyMs: number, epoch: number): Answer<T> {
  const [held, hold] = useState<Held<T>>({ path, data: null, error: null });
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const ask = async () => {
      clearTimeout(timer);
      try {
        const data = await getJson(path, read, abort.signal);
        hold({ path, data, error: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        hold((before) => ({
          path,
          data: before.path === path ? before.data : null,
          error: error instanceof Error ? error : new Error(String(error)),
        }));
      }
      if (!document.hidden) timer = window.setTimeout(() => void ask(), everyMs);
    };
    const seen = () => {
      if (!document.hidden) void ask();
    };
    document.addEventListener("visibilitychange", seen);
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, read, everyMs, epoch]);
  // While a filter changes, the old rows stay until the new ones come: nothing jumps.
  return held;
}
