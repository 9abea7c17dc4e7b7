/** Which module draws which page. Each is loaded when it is first opened. */

import type { ComponentType } from "preact";
import type { PagePath } from "../core/routes.ts";

type Load = () => Promise<{ readonly default: ComponentType }>;

export const PAGES: Readonly<Record<PagePath, Load>> = {
  "/": () => import("./overview/index.tsx"),
  "/agents": () => import("./agents/index.tsx"),
};
