// What is logged of the account's mail, to the column; and saying that one has read it.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { $api, api } from "../../api/client";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { Drawer } from "../../ui/Drawer";
import { Facts } from "../../ui/Facts";
import { Loaded } from "../../ui/Loaded";
import { toast } from "../../ui/toasts";

export function Policy({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const query = $api.useQuery("get", "/v1/account/policy");
  return (
    <Drawer title={t`What is logged of your mail`} onClose={onClose}>
      <Loaded query={query} lines={8}>
        {(policy) => (
          <div className="stack">
            {policy.promise.map((line) => (
              <p key={line}>{line}</p>
            ))}
            <h3>{t`Of each message`}</h3>
            <Facts of={policy.message.map(({ name, meaning }) => [name, meaning])} />
            <h3>{t`Of each event of it`}</h3>
            <Facts of={policy.event.map(({ name, meaning }) => [name, meaning])} />
            {policy.told_at === null && <Read onRead={onClose} />}
          </div>
        )}
      </Loaded>
    </Drawer>
  );
}

function Read({ onRead }: { onRead: () => void }) {
  const refresh = useRefresh();
  const may = useSession().can("account:write");
  if (!may) return null;
  const read = () =>
    api.POST("/v1/account/policy", { body: { read: true } }).then(
      async () => {
        await refresh("/v1/account");
        onRead();
      },
      (error) => toast({ text: problemOf(error).detail, tone: "bad" }),
    );
  return (
    <div className="row">
      <Button variant="filled" onClick={() => void read()}>
        <Trans>I have read this</Trans>
      </Button>
    </div>
  );
}
