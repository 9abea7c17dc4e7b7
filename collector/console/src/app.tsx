import { useEffect, useRef } from "preact/hooks";
import { findRoute } from "./core/routes.ts";
import { usePath } from "./doors/address.ts";
import { LiveProvider } from "./doors/live.tsx";
import { useSession } from "./doors/session.tsx";
import { NotFound } from "./pages/not-found/index.tsx";
import { SignIn } from "./pages/sign-in/index.tsx";
import { Boundary } from "./parts/boundary.tsx";
import { Banner } from "./shell/banner.tsx";
import { PageSlot } from "./shell/page-slot.tsx";
import { Side } from "./shell/side.tsx";

/** Somebody signed in sees the console, anybody else the door. */
export function App() {
  const { person } = useSession();
  if (!person.signed_in) return <SignIn />;
  return (
    <LiveProvider>
      <Frame />
    </LiveProvider>
  );
}

/** The frame around every page: menu, banner, and the page that the address names. */
function Frame() {
  const path = usePath();
  const route = findRoute(path);
  const main = useRef<HTMLElement>(null);
  const opened = useRef(path);

  useEffect(() => {
    document.title = `${route?.title ?? "Not found"} · Weir`;
    // A move inside the console is a new page to a screen reader; the first load already is.
    if (opened.current !== path) main.current?.focus();
    opened.current = path;
  }, [path, route]);

  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Side path={route?.path ?? path} />
      <div class="stage">
        <Banner />
        <main id="main" ref={main} tabIndex={-1}>
          <Boundary place={path}>
            {route ? <PageSlot path={route.path} /> : <NotFound path={path} />}
          </Boundary>
        </main>
      </div>
    </div>
  );
}
