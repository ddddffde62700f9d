// One destination beside the list: what its state means, which aliases forward there, its end.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { $api, api } from "../../api/client";
import { useRefresh } from "../../api/refresh";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Drawer } from "../../ui/Drawer";
import { Facts } from "../../ui/Facts";
import { IconTrash } from "../../ui/icons";
import { Loaded } from "../../ui/Loaded";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { DestinationState } from "../aliases/DestinationState";
import { AskAgain } from "./AskAgain";
import type { Listed } from "./columns";
import styles from "./destinations.module.css";

interface Props {
  destination: Listed;
  mayWrite: boolean;
  onClose: () => void;
}

const FEW = 20;

export function Open({ destination, mayWrite, onClose }: Props) {
  const { t } = useLingui();
  const { address, state, created_at, confirmed_at, asked_at, failing_since } = destination;
  const [isDeleting, setDeleting] = useState(false);
  const words = {
    confirmed: t`It has said yes and gets mail.`,
    unconfirmed: t`It was asked by letter whether it wants mail, and gets none before it says yes.`,
    failing: t`The last mail to it was refused for good. We go on trying new mail.`,
    stopped: t`Whoever reads it wants no more mail from here. Only they can take that back.`,
  };
  const facts: [string, React.ReactNode][] = [[t`Added`, <When key="created" at={created_at} />]];
  if (asked_at !== null) facts.push([t`Asked`, <When key="asked" at={asked_at} />]);
  if (confirmed_at !== null) facts.push([t`Confirmed`, <When key="confirmed" at={confirmed_at} />]);
  if (failing_since !== null) facts.push([t`Failing since`, <When key="failing" at={failing_since} />]);
  return (
    <Drawer
      title={address}
      onClose={onClose}
      footer={
        mayWrite && (
          <Button color="red" leftSection={<IconTrash />} onClick={() => setDeleting(true)}>
            <Trans>Delete the destination</Trans>
          </Button>
        )
      }
    >
      <div className="stack">
        <div className="row">
          <DestinationState state={state} />
          {mayWrite && state === "unconfirmed" && <AskAgain destination={destination} />}
        </div>
        <p className="soft">{words[state]}</p>
        <Facts of={facts} />
        <Users destination={destination} />
      </div>
      {isDeleting && <Delete destination={destination} onClose={() => setDeleting(false)} onDone={onClose} />}
    </Drawer>
  );
}

function Users({ destination: { id, alias_count } }: { destination: Listed }) {
  const { t } = useLingui();
  const query = { destination_id: id, limit: FEW };
  const found = $api.useQuery("get", "/v1/aliases", { params: { query } }, { enabled: alias_count > 0 });
  if (alias_count === 0) return <p className="soft">{t`No alias forwards there.`}</p>;
  return (
    <section className="stack" aria-label={t`Aliases`}>
      <div className={styles.head}>
        <h3>{t`Aliases that forward there`}</h3>
        <Link to="/aliases" search={{ destination_id: id }}>
          <Trans>Show all {alias_count}</Trans>
        </Link>
      </div>
      <Loaded query={found}>
        {({ data }) => (
          <ul className={styles.users}>
            {data.map((alias) => (
              <li key={alias.id}>
                <Link to="/aliases/$aliasId" params={{ aliasId: alias.id }}>
                  {alias.address}
                </Link>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

interface DeleteProps {
  destination: Listed;
  onClose: () => void;
  onDone: () => void;
}

function Delete({ destination: { id, address }, onClose, onDone }: DeleteProps) {
  const { t } = useLingui();
  const refresh = useRefresh();
  const remove = async () => {
    await api.DELETE("/v1/destinations/{destination_id}", { params: { path: { destination_id: id } } });
    toast({ text: t`${address} deleted` });
    onDone();
    await refresh("/v1/destinations", "/v1/aliases");
  };
  return (
    <ConfirmDanger
      title={t`Delete ${address}?`}
      verb={t`Delete the destination`}
      onConfirm={remove}
      onClose={onClose}
    >
      <Trans>It leaves every alias. Mail that still waits for it is cancelled and cannot come back.</Trans>
    </ConfirmDanger>
  );
}
