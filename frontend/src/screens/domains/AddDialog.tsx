// Adding a domain over the list; where the plan has no room, what would give it.
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { $api } from "../../api/client";
import { planName } from "../../data/plans";
import { Dialog } from "../../ui/Dialog";
import { Loaded } from "../../ui/Loaded";
import { LimitNote } from "../../ui/notes";
import { AddDomain } from "../domain/AddDomain";
import type { Domain } from "../domain/health";

interface Props {
  onClose: () => void;
  onAdded: (domain: Domain) => void;
}

export function AddDialog({ onClose, onAdded }: Props) {
  const { t } = useLingui();
  const account = $api.useQuery("get", "/v1/account");
  return (
    <Dialog title={t`Add a domain`} onClose={onClose}>
      <Loaded query={account} lines={2}>
        {({ limits, usage, plan, policy_told_at }) => {
          if (usage.domains >= limits.domains) {
            return (
              <LimitNote>
                {planName(plan)}:{" "}
                <Plural value={limits.domains} one="room for # domain." other="room for # domains." />
              </LimitNote>
            );
          }
          if (policy_told_at === null) {
            return (
              <p>
                <Trans>
                  First read what is logged of your mail: <Link to="/welcome">set up step by step</Link>.
                </Trans>
              </p>
            );
          }
          return (
            <AddDomain
              onAdded={onAdded}
              beside={
                <Button onClick={onClose}>
                  <Trans>Cancel</Trans>
                </Button>
              }
            />
          );
        }}
      </Loaded>
    </Dialog>
  );
}
