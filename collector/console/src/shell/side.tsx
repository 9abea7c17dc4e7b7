import { useState } from "preact/hooks";
import { ROUTES } from "../core/routes.ts";
import { setTheme, THEMES, useTheme, type Theme } from "../doors/theme.ts";
import { useLive } from "../doors/live.tsx";
import { useSession } from "../doors/session.tsx";
import { State } from "../parts/marks.tsx";

const GROUPS = [...new Set(ROUTES.map((route) => route.group))];
const THEME_NAMES: Readonly<Record<Theme, string>> = { auto: "Auto", light: "Light", dark: "Dark" };

/** Name, menu, theme and connection: a column on a desk, a bar with a drawer on a phone. */
export function Side({ path }: { readonly path: string }) {
  const [open, setOpen] = useState(false);
  return (
    <header class={`side ${open ? "side-open" : ""}`}>
     <div class="side-inner">
      <div class="side-top">
        <a class="brand" href="/" aria-label="Weir, overview">
          <img src="/favicon.svg" alt="" width="26" height="26" />
          Weir
        </a>
        <Connection />
        <button
          type="button"
          class="menu-button"
          aria-expanded={open}
          aria-controls="menu"
          onClick={() => setOpen(!open)}
        >
          Menu
        </button>
      </div>
      <div class="side-body" id="menu">
        <nav aria-label="Pages">
          {GROUPS.map((group) => (
            <section key={group}>
              <h2>{group}</h2>
              <ul>
                {ROUTES.filter((route) => route.group === group).map((route) => (
                  <li key={route.path}>
                    <a
                      href={route.path}
                      aria-current={route.path === path ? "page" : undefined}
                      onClick={() => setOpen(false)}
                    >
                      {route.title}
                    </a>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </nav>
        <div class="side-foot">
          <Who />
          <ThemeChoice />
        </div>
      </div>
     </div>
    </header>
  );
}

function Connection() {
  const { link } = useLive();
  const tone = link.name === "open" ? "good" : link.name === "waiting" ? "bad" : "idle";
  const words = link.name === "open" ? "Live" : link.name === "waiting" ? "Offline" : "Connecting";
  return (
    <span class="connection" role="status" data-link={link.name}>
      <State tone={tone}>{words}</State>
    </span>
  );
}

/** Nobody is named where the collector asks nobody to sign in. */
function Who() {
  const { person, signOut } = useSession();
  if (person.by !== "session") return null;
  return (
    <p class="who">
      <span title={person.role}>{person.username}</span>
      <button type="button" onClick={() => void signOut()}>
        Sign out
      </button>
    </p>
  );
}

function ThemeChoice() {
  const theme = useTheme();
  return (
    <fieldset class="themes segments">
      <legend>Theme</legend>
      <div class="segments-row">
        {THEMES.map((one) => (
          <label key={one}>
            <input type="radio" name="theme" checked={one === theme} onChange={() => setTheme(one)} />
            <span>{THEME_NAMES[one]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
