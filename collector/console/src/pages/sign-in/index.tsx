import { useState } from "preact/hooks";
import { useSession } from "../../doors/session.tsx";

/** Asks for name and password; what was wrong stands beside the button. */
export function SignIn() {
  const { signIn } = useSession();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    setBusy(true);
    setProblem("");
    try {
      await signIn(String(given.get("username")), String(given.get("password")));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <main class="notice sign-in" data-part="sign-in">
      <img src="/favicon.svg" alt="" width="40" height="40" />
      <h1>Sign in to Weir</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <div class="field">
          <label for="username">User name</label>
          <input id="username" name="username" autocomplete="username" required autofocus />
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="current-password" required />
        </div>
        <p role="alert" class="sign-in-problem">
          {problem}
        </p>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
      <p class="sign-in-hint">
        No account yet? On the collector: <code>weir-collector user add NAME</code>
      </p>
    </main>
  );
}
