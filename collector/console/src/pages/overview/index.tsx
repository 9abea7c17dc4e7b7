import "./overview.css";
import { interfacesNow } from "../../core/lanes.ts";
import { readAgents } from "../../core/records.ts";
import { useUrlState } from "../../doors/address.ts";
import { useLive } from "../../doors/live.tsx";
import { usePolled } from "../../doors/polled.ts";
import { Select } from "../../parts/controls.tsx";
import { Failed } from "../../parts/failed.tsx";
import { Agents } from "./agents.tsx";
import { Endpoints } from "./endpoints.tsx";
import { Flows } from "./flows.tsx";
import { Interfaces } from "./interfaces.tsx";
import { SCHEMA } from "./state.ts";
import { Throughput } from "./throughput.tsx";
import { Tiles } from "./tiles.tsx";

const AGENTS_EVERY_MS = 5000;

/** The state of everything at a glance: is it up, how busy, with what, and who. */
export default function Overview() {
  const [state, change] = useUrlState(SCHEMA);
  const { epoch, latest } = useLive();
  const answer = usePolled("/api/agents", readAgents, AGENTS_EVERY_MS, epoch);
  const agents = answer.data?.agents ?? null;
  const names = [...new Set([...(agents ?? []).map((one) => one.name), state.agent])].filter(Boolean);
  const all = interfacesNow(latest?.lanes ?? [], agents ?? [], { agent: state.agent, interface: "" });
  const interfaceNames = [...new Set([...all.map((row) => row.interface), state.interface])].filter(Boolean);
  const shown = state.interface ? all.filter((row) => row.interface === state.interface) : all;

  return (
    <div class="overview">
      <header class="page-head">
        <h1>Overview</h1>
        <div class="filters">
          <Select
            label="Agent"
            value={state.agent}
            options={[{ value: "", label: "All agents" }, ...names.sort().map(asOption)]}
            onChange={(agent) => change({ agent, interface: "" })}
          />
          <Select
            label="Interface"
            value={state.interface}
            options={[{ value: "", label: "All interfaces" }, ...interfaceNames.sort().map(asOption)]}
            onChange={(name) => change({ interface: name })}
          />
        </div>
      </header>
      <Failed error={answer.error} what="agents" />
      <Tiles agents={agents} rows={shown} state={state} />
      <Throughput state={state} change={change} />
      <Interfaces rows={shown} waiting={agents === null} />
      <Endpoints state={state} change={change} />
      <Flows state={state} change={change} />
      <Agents agents={agents} />
    </div>
  );
}

const asOption = (name: string) => ({ value: name, label: name });
