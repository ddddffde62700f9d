// Before anything could be shown: the API does not answer, or refuses to say who is here.
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import type { Problem } from "../api/problem";
import styles from "./frame.module.css";

export default function Away({ problem }: { problem: Problem }) {
  return (
    <main className={styles.bare}>
      <div className={`${styles.sheet} stack`}>
        <h1>
          {problem.isAway ? <Trans>Clearpost does not answer</Trans> : <Trans>You cannot come in</Trans>}
        </h1>
        <p className="soft">{problem.detail}</p>
        <Button onClick={() => window.location.reload()}>
          <Trans>Try again</Trans>
        </Button>
      </div>
    </main>
  );
}
