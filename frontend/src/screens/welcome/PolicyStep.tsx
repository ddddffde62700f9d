// What is logged, told before the first domain; and a name for an account that has only an address for one.
import { Trans, useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { $api, api } from "../../api/client";
import { useSession } from "../../api/session";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import type { Progress } from "./progress";
import styles from "./welcome.module.css";

interface Props {
  account: Progress["account"];
  onDone: () => void;
}

export function PolicyStep({ account, onDone }: Props) {
  const { t } = useLingui();
  const { me, can } = useSession();
  const queries = useQueryClient();
  const policy = $api.useQuery("get", "/v1/account/policy");
  const [name, setName] = useState(account.name);
  const [isNameless] = useState(account.name === me.email);
  const save = async () => {
    const wanted = name.trim();
    if (wanted !== "" && wanted !== account.name) await api.PATCH("/v1/account", { body: { name: wanted } });
    await api.POST("/v1/account/policy", { body: { read: true } });
    await queries.invalidateQueries({
      predicate: ({ queryKey: [, path] }) => typeof path === "string" && /^\/v1\/(account|me)/.test(path),
    });
    onDone();
  };
  if (!can("account:write")) {
    return (
      <p className="soft">
        <Trans>An owner or admin of the account reads and accepts this first.</Trans>
      </p>
    );
  }
  return (
    <Loaded query={policy} lines={3}>
      {(told) => (
        <Form onSubmit={save} verb={t`I know what is logged`}>
          {(field) => (
            <>
              {isNameless && (
                <TextInput
                  label={t`Account name`}
                  value={name}
                  onChange={(event) => setName(event.currentTarget.value)}
                  error={field("name")}
                  maxLength={100}
                  autoComplete="organization"
                />
              )}
              <ul className={styles.promise}>
                {told.promise.map((sentence) => (
                  <li key={sentence}>{sentence}</li>
                ))}
              </ul>
              <details className={styles.fields}>
                <summary>
                  <Trans>The fields, one by one</Trans>
                </summary>
                <Fields title={t`Of each message`} of={told.message} />
                <Fields title={t`Of each event`} of={told.event} />
              </details>
            </>
          )}
        </Form>
      )}
    </Loaded>
  );
}

function Fields({ title, of }: { title: string; of: { name: string; meaning: string }[] }) {
  return (
    <>
      <h3>{title}</h3>
      <dl>
        {of.map(({ name, meaning }) => (
          <div key={name}>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
