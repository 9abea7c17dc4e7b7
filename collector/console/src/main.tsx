import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./parts/panel.css";
import "./parts/table.css";
import "./parts/controls.css";
import "./parts/marks.css";
import { App } from "./app.tsx";
import { followLinks } from "./doors/address.ts";
import { SessionProvider } from "./doors/session.tsx";
import { Loading } from "./parts/panel.tsx";

const root = document.getElementById("app");
if (!root) throw new Error("index.html lacks the element #app");
followLinks();
render(
  <SessionProvider asking={<Loading rows={6} />}>
    <App />
  </SessionProvider>,
  root,
);
