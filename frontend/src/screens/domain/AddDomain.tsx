// The form that claims a domain. Takes whatever is pasted, and says what of it counts.
import { Trans, useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api } from "../../api/client";
import { useOnceKey } from "../../api/once";
import { readDomainName } from "../../data/domainName";
import { LOG_LEVELS, type LogLevel } from "../../data/logLevels";
import { Form } from "../../ui/Form";
import type { Domain } from "./health";
import { LogLevelSelect } from "./LogLevelSelect";

interface Props {
  onAdded: (domain: Domain) => void;
  beside?: ReactNode;
}

export function AddDomain({ onAdded, beside }: Props) {
  const { t, i18n } = useLingui();
  const queries = useQueryClient();
  const once = useOnceKey();
  const [typed, setTyped] = useState("");
  const [level, setLevel] = useState<LogLevel>("full");
  const { name, isTaken } = readDomainName(typed);
  const add = async () => {
    const params = { header: { "Idempotency-Key": once.key(`${name} ${level}`) } };
    const { data } = await api.POST("/v1/domains", { params, body: { name, log_level: level } });
    if (data === undefined) return;
    once.done();
    await queries.invalidateQueries({
      predicate: ({ queryKey: [, path] }) => path === "/v1/domains" || path === "/v1/account",
    });
    onAdded(data);
  };
  return (
    <Form onSubmit={add} verb={t`Add the domain`} isReady={name !== ""} beside={beside}>
      {(field) => (
        <>
          <div>
            <TextInput
              label={t`Domain`}
              placeholder="example.org"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              error={field("name")}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              inputMode="url"
              data-autofocus
            />
            <p className="soft" role="status">
              {isTaken && (
                <Trans>
                  From what you entered we take <strong>{name}</strong>.
                </Trans>
              )}
            </p>
          </div>
          <LogLevelSelect
            label={t`What the log keeps of its mail`}
            description={i18n._(LOG_LEVELS[level].about)}
            value={level}
            onChange={setLevel}
          />
        </>
      )}
    </Form>
  );
}
