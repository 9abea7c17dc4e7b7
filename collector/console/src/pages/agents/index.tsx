import "./agents.css";
import { text } from "../../core/query.ts";
import { readAgents } from "../../core/records.ts";
import { useUrlState } from "../../doors/address.ts";
import { useLive } from "../../doors/live.tsx";
import { usePolled } from "../../doors/polled.ts";
import { AgentTable } from "../../parts/agent-table.tsx";
import { Failed } from "../../parts/failed.tsx";
import { Empty, Panel } from "../../parts/panel.tsx";
import { Details } from "./details.tsx";

const EVERY_MS = 5000;
const SCHEMA = { agent: text() } as const;

/** Every agent with its health; one of them in full when the address names it. */
export default function Agents() {
  const [state] = useUrlState(SCHEMA);
  const { epoch } = useLive();
  const answer = usePolled("/api/agents", readAgents, EVERY_MS, epoch);
  const agents = answer.data?.agents ?? null;
  const chosen = agents?.find((one) => one.name === state.agent);
  return (
    <div class="agents-page">
      <header class="page-head">
        <h1>Agents</h1>
      </header>
      <Failed error={answer.error} what="agents" />
      <Panel name="agents" title="All agents" note={agents ? String(agents.length) : ""}>
        <AgentTable agents={agents} chosen={state.agent} />
      </Panel>
      {chosen ? <Details agent={chosen} /> : null}
      {agents && state.agent && !chosen ? (
        <Panel name="details" title={state.agent}>
          <Empty title="No agent of this name has reported">
            It may have been renamed. Choose one from the table above.
          </Empty>
        </Panel>
      ) : null}
    </div>
  );
}
