/** Light, dark or as the system says; remembered in this browser. `public/theme.js` runs first. */

import { useSyncExternalStore } from "preact/compat";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "weir.theme";
const CHANGED = "weir:theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = (): Theme =>
  THEMES.find((theme) => theme === document.documentElement.dataset["theme"]) ?? "auto";

/** "light" or "dark", after the system's wish where the user has none. */
const painted = (): "light" | "dark" => {
  const theme = chosen();
  return theme === "auto" ? (system.matches ? "dark" : "light") : theme;
};

function watch(changed: () => void): () => void {
  addEventListener(CHANGED, changed);
  system.addEventListener("change", changed);
  return () => {
    removeEventListener(CHANGED, changed);
    system.removeEventListener("change", changed);
  };
}

export const useTheme = (): Theme => useSyncExternalStore(watch, chosen);
export const usePaintedTheme = (): "light" | "dark" => useSyncExternalStore(watch, painted);

export function setTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be switched off; the choice then lasts until the next load.
  }
  dispatchEvent(new Event(CHANGED));
}
