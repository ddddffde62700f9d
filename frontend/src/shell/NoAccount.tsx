// Signed in, but working in no account: choose one, or open one.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api } from "../api/client";
import { moveAllTabs } from "../api/live";
import { type Problem, problemOf } from "../api/problem";
import type { Me } from "../api/session";
import { Brand } from "./Brand";
import styles from "./frame.module.css";

export default function NoAccount({ me }: { me: Me }) {
  const { t } = useLingui();
  const [problem, setProblem] = useState<Problem>();
  const [name, setName] = useState("");
  const enter = (id: string) =>
    api
      .POST("/v1/me/account", { body: { account_id: id } })
      .then(moveAllTabs, (error) => setProblem(problemOf(error)));
  const open = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const { data } = await api.POST("/v1/accounts", { body: { name } });
      if (data !== undefined) await enter(data.id);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <main className={styles.bare}>
      <div className={`${styles.sheet} stack`}>
        <Brand />
        <h1>{me.accounts.length > 0 ? <Trans>Choose an account</Trans> : <Trans>Open an account</Trans>}</h1>
        {me.accounts.map((each) => (
          <Button key={each.id} justify="start" onClick={() => enter(each.id)}>
            {each.name}
          </Button>
        ))}
        <form className="stack" onSubmit={open}>
          <TextInput
            label={t`Name of a new account`}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
          />
          {problem !== undefined && <p role="alert">{problem.detail}</p>}
          <Button type="submit" variant="filled">
            <Trans>Open it</Trans>
          </Button>
        </form>
        {me.is_staff && (
          <Link to="/staff">
            <Trans>Staff pages</Trans>
          </Link>
        )}
      </div>
    </main>
  );
}
