// How a destination is, in the same words everywhere.
import { useLingui } from "@lingui/react/macro";
import { StateBadge, type StateName } from "../../ui/StateBadge";
import type { Destination } from "./changes";

const LOOKS: Record<Destination["state"], StateName> = {
  confirmed: "ok",
  unconfirmed: "waiting",
  failing: "failing",
  stopped: "off",
};

export function DestinationState({ state, plain = false }: { state: Destination["state"]; plain?: boolean }) {
  const { t } = useLingui();
  const words = {
    confirmed: t`Confirmed`,
    unconfirmed: t`Waiting for confirmation`,
    failing: t`Failing`,
    stopped: t`Stopped by its reader`,
  };
  return (
    <StateBadge state={LOOKS[state]} plain={plain}>
      {words[state]}
    </StateBadge>
  );
}
