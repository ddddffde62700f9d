// What waits in the queue, in one look.
import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { $api } from "../../api/client";
import { number } from "../../data/figures";
import { Countdown } from "../../ui/Countdown";
import { Facts } from "../../ui/Facts";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { When } from "../../ui/When";
import styles from "./overview.module.css";

export function Waiting() {
  const { t } = useLingui();
  const summary = $api.useQuery("get", "/v1/queue/summary", { params: { query: {} } });
  const total = summary.data?.total ?? 0;
  return (
    <Section
      title={t`Waiting`}
      actions={
        total > 0 && (
          <Link to="/queue" className={styles.link}>
            <Trans>Open the queue</Trans>
          </Link>
        )
      }
    >
      <Loaded query={summary} lines={2}>
        {({ next_attempt_at: next, oldest }) =>
          total === 0 ? (
            <p className="soft">
              <Trans>Nothing waits</Trans>
            </p>
          ) : (
            <Facts
              of={[
                [t`Deliveries`, number(total)],
                [t`Next try`, next === null ? t`Now` : <Countdown until={next} over={t`Due`} />],
                [t`Oldest`, oldest === null ? "–" : <When at={oldest} />],
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
