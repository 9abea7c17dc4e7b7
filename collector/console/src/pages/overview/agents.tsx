import type { Agent } from "../../core/records.ts";
import { AgentTable } from "../../parts/agent-table.tsx";
import { Panel } from "../../parts/panel.tsx";

/** Who reports, and how they are. */
export function Agents({ agents }: { readonly agents: readonly Agent[] | null }) {
  return (
    <Panel name="agents" title="Agents" actions={<a href="/agents">All details</a>}>
      <AgentTable agents={agents} />
    </Panel>
  );
}
