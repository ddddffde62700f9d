// Takes back what was ordered for the end of the period: the plan goes on as it is.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useState } from "react";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { type Plan, planName } from "../../data/plans";
import { toast } from "../../ui/toasts";
import { order } from "./orders";
import type { Interval } from "./rows";

export function KeepButton({ plan, interval }: { plan: Plan; interval: Interval }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [isAsking, setAsking] = useState(false);
  const keep = async () => {
    setAsking(true);
    try {
      await order(plan, interval);
      toast({ text: t`${planName(plan)} goes on` });
      await refresh("/v1/billing", "/v1/account");
    } catch (error) {
      toast({ text: problemOf(error).detail, tone: "bad" });
    } finally {
      setAsking(false);
    }
  };
  return (
    <div>
      <Button loading={isAsking} onClick={() => void keep()}>
        <Trans>Keep {planName(plan)}</Trans>
      </Button>
    </div>
  );
}
