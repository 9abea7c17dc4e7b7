/** Addresses of the console: one line a page. */

export interface Route {
  readonly path: string;
  readonly title: string;
  /** The heading under which the page stands in the menu. */
  readonly group: "Observe" | "Regulate" | "Analyse" | "System";
}

export const ROUTES = [
  { path: "/", title: "Overview", group: "Observe" },
  { path: "/agents", title: "Agents", group: "Observe" },
] as const satisfies readonly Route[];

export type PagePath = (typeof ROUTES)[number]["path"];

/** The page at an address; a slash at the end is forgiven. */
export function findRoute(pathname: string): (typeof ROUTES)[number] | null {
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, "") || "/" : pathname;
  return ROUTES.find((route) => route.path === path) ?? null;
}
