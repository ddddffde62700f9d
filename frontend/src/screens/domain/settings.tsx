// Settings of one domain, and its end.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button, Switch } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { patch } from "../../api/change";
import { $api, api } from "../../api/client";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Facts } from "../../ui/Facts";
import { Section } from "../../ui/Page";
import { toast } from "../../ui/toasts";
import { When } from "../../ui/When";
import { useChoice } from "./choices";
import type { Domain } from "./health";
import { LogLevel } from "./LogLevel";
import { MailRules } from "./MailRules";
import styles from "./notes.module.css";
import { useDomain } from "./useDomain";

export default function Tab() {
  const { t } = useLingui();
  const domain = useDomain();
  const { can } = useSession();
  const isMine = can("domains:write");
  return (
    <>
      <Section title={t`Addresses`}>
        <PlusAddressing domain={domain} disabled={!isMine} />
      </Section>
      <MailRules domain={domain} disabled={!isMine} />
      <LogLevel domain={domain} disabled={!isMine} />
      <Section title={t`About`}>
        <Facts
          of={[
            [t`Added`, <When key="added" at={domain.created_at} />],
            [t`Verified`, domain.verified_at ? <When key="verified" at={domain.verified_at} /> : t`not yet`],
            [t`Last check`, domain.checked_at ? <When key="checked" at={domain.checked_at} /> : t`not yet`],
          ]}
        />
      </Section>
      {isMine ? (
        <Danger domain={domain} />
      ) : (
        <p className="soft">
          <Trans>Your role may look at this domain, not change it.</Trans>
        </p>
      )}
    </>
  );
}

function PlusAddressing({ domain, disabled }: { domain: Domain; disabled: boolean }) {
  const { t } = useLingui();
  const choose = useChoice(domain);
  return (
    <Switch
      label={t`Plus addressing`}
      description={t`hello+shop@${domain.name} reaches hello@${domain.name}`}
      checked={domain.plus_addressing}
      disabled={disabled}
      onChange={({ currentTarget: { checked } }) =>
        void choose({ plus_addressing: checked }, checked ? t`Tags are accepted` : t`Tags are refused`)
      }
    />
  );
}

function Danger({ domain }: { domain: Domain }) {
  const { t } = useLingui();
  const [isAsking, setAsking] = useState(false);
  return (
    <Section
      title={t`Delete this domain`}
      lead={
        <Plural
          value={domain.alias_count}
          _0="It has no aliases. There is no way back."
          one="With its # alias. There is no way back."
          other="With its # aliases. There is no way back."
        />
      }
      tone="danger"
      actions={
        <Button color="red" onClick={() => setAsking(true)}>
          <Trans>Delete the domain</Trans>
        </Button>
      }
    >
      {isAsking && <Asking domain={domain} onClose={() => setAsking(false)} />}
    </Section>
  );
}

function Asking({ domain, onClose }: { domain: Domain; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const waiting = $api.useQuery("get", "/v1/queue/summary", {
    params: { query: { domain_id: domain.id } },
  });
  const remove = async () => {
    await api.DELETE("/v1/domains/{domain_id}", { params: { path: { domain_id: domain.id } } });
    await navigate({ to: "/domains" });
    toast({ text: t`${domain.name} deleted` });
    patch(queries, "/v1/domains", domain.id, () => null);
    queries.removeQueries({
      predicate: ({ queryKey: [, path, init] }) =>
        path === "/v1/domains/{domain_id}" && JSON.stringify(init).includes(domain.id),
    });
    await queries.invalidateQueries();
  };
  const total = waiting.data?.total;
  return (
    <ConfirmDanger
      title={t`Delete ${domain.name}?`}
      name={domain.name}
      verb={t`Delete the domain`}
      onConfirm={remove}
      onClose={onClose}
    >
      <ul className={styles.list}>
        <li>
          <Plural
            value={domain.alias_count}
            _0="It has no aliases."
            one="Its # alias is deleted."
            other="Its # aliases are deleted."
          />
        </li>
        <li>
          <Trans>New mail for it is refused at once: 550 5.7.1.</Trans>
        </li>
        <li>
          {total === undefined ? (
            <Trans>Mail that still waits is cancelled; its senders are told where that is allowed.</Trans>
          ) : (
            <Plural
              value={total}
              _0="No mail of its waits now."
              one="# delivery that still waits is cancelled; its sender is told where that is allowed."
              other="# deliveries that still wait are cancelled; their senders are told where that is allowed."
            />
          )}
        </li>
        <li>
          <Trans>Its log stays readable until each message is 7 days old.</Trans>
        </li>
        <li>
          <Trans>Destinations stay. Its DNS is yours: point the MX elsewhere yourself.</Trans>
        </li>
      </ul>
    </ConfirmDanger>
  );
}
