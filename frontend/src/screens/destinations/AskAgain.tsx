// Asks a destination once more by letter whether it wants mail.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useState } from "react";
import { api, type Shown } from "../../api/client";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { toast } from "../../ui/toasts";

export function AskAgain({ destination: { id, address } }: { destination: Shown["Destination"] }) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [isAsking, setAsking] = useState(false);
  const ask = async () => {
    setAsking(true);
    try {
      const params = { path: { destination_id: id } };
      await api.POST("/v1/destinations/{destination_id}/confirmation", { params });
      toast({ text: t`${address} asked again` });
      await refresh("/v1/destinations", "/v1/aliases");
    } catch (error) {
      toast({ text: problemOf(error).detail, tone: "bad" });
    } finally {
      setAsking(false);
    }
  };
  return (
    <Button size="xs" loading={isAsking} onClick={() => void ask()} aria-label={t`Ask ${address} again`}>
      <Trans>Ask again</Trans>
    </Button>
  );
}
