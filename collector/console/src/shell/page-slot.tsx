import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PagePath } from "../core/routes.ts";
import { PAGES } from "../pages/index.ts";
import { Loading } from "../parts/panel.tsx";

interface Loaded {
  readonly path: PagePath;
  readonly Page: ComponentType | null;
  readonly error: Error | null;
}

/** Loads and shows one page; a page that cannot be loaded ends in the boundary around it. */
export function PageSlot({ path }: { readonly path: PagePath }) {
  const [loaded, setLoaded] = useState<Loaded>({ path, Page: null, error: null });
  useEffect(() => {
    let wanted = true;
    PAGES[path]().then(
      (module) => wanted && setLoaded({ path, Page: module.default, error: null }),
      (error: unknown) =>
        wanted && setLoaded({ path, Page: null, error: new Error(`Cannot load the page: ${error}`) }),
    );
    return () => {
      wanted = false;
    };
  }, [path]);
  if (loaded.error && loaded.path === path) throw loaded.error;
  const { Page } = loaded;
  return Page && loaded.path === path ? <Page /> : <Loading rows={6} />;
}
