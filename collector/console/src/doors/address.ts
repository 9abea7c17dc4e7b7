/** The address bar: the only place that touches `history`. */

import { useCallback, useMemo, useSyncExternalStore } from "preact/compat";
import { readQuery, writeQuery, type Schema, type State } from "../core/query.ts";

const MOVED = "weir:moved";

export function goTo(href: string, replace = false): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  dispatchEvent(new Event(MOVED));
}

/** Turns clicks on links of this console into moves without a page load. */
export function followLinks(): void {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.origin !== location.origin) return;
    if (link.hasAttribute("download") || link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    goTo(link.pathname + link.search + link.hash);
  });
}

function watch(changed: () => void): () => void {
  addEventListener("popstate", changed);
  addEventListener(MOVED, changed);
  return () => {
    removeEventListener("popstate", changed);
    removeEventListener(MOVED, changed);
  };
}

export const usePath = (): string => useSyncExternalStore(watch, () => location.pathname);

/** The page's state, and a function that changes some of it. A change does not grow history. */
export function useUrlState<S extends Schema>(
  schema: S,
): [State<S>, (change: Partial<State<S>>) => void] {
  const search = useSyncExternalStore(watch, () => location.search);
  const state = useMemo(() => readQuery(schema, search), [schema, search]);
  const change = useCallback(
    (part: Partial<State<S>>) => {
      const next = { ...readQuery(schema, location.search), ...part };
      goTo(location.pathname + writeQuery(schema, next), true);
    },
    [schema],
  );
  return [state, change];
}
