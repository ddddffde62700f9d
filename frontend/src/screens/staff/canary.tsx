// The warrant canary: how it stands, and what two people signed elsewhere brought here. Nothing is signed here.
import { Trans, useLingui } from "@lingui/react/macro";
import { FileInput } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Shown } from "../../api/client";
import type { Problem } from "../../api/problem";
import { queries } from "../../api/queries";
import { Countdown } from "../../ui/Countdown";
import { Facts } from "../../ui/Facts";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Page";
import { StateBadge } from "../../ui/StateBadge";
import { toast } from "../../ui/toasts";
import { At } from "../../ui/When";
import { ask, send } from "./client";
import { StaffPage } from "./StaffPage";

type Standing = Shown["Canary"];

const canaryQuery = queryOptions<Standing, Problem>({
  queryKey: ["staff", "canary"],
  queryFn: () => ask("/canary"),
  refetchInterval: ({ state: { data } }) => wait(data?.expires ?? null, Date.now()),
});

/** Milliseconds until it is asked again: at the second it expires, and at least each minute. */
export function wait(expires: string | null, now: number): number {
  const left = expires === null ? 0 : Date.parse(expires) - now;
  return left > 0 ? Math.min(left + 250, 60_000) : 60_000;
}

export default function Canary() {
  const { t } = useLingui();
  const query = useQuery(canaryQuery);
  const [round, setRound] = useState(0);
  return (
    <StaffPage title={t`Canary`}>
      <Loaded query={query}>{(found) => <Now of={found} />}</Loaded>
      <Section title={t`Publish the next one`}>
        <Publish key={round} onDone={() => setRound(round + 1)} />
      </Section>
    </StaffPage>
  );
}

function Now({ of: found }: { of: Standing }) {
  const { t } = useLingui();
  const affirmed = found.statements.filter(({ state }) => state === "affirmed").length;
  if (found.number === null)
    return (
      <Section title={t`Now`}>
        <p>
          <Trans>No canary is published.</Trans> <Public />
        </p>
      </Section>
    );
  return (
    <Section title={t`Now`}>
      <div className="stack">
        <Facts
          of={[
            [t`State`, <State key="state" of={found.state} />],
            [t`Number`, found.number],
            [t`Affirmed`, t`${affirmed} of 5`],
            [t`Holds until`, <Until key="until" of={found} />],
            [t`Signed by`, found.signatures.map(({ signer }) => signer).join(", ")],
          ]}
        />
        <p>
          <Public />
        </p>
      </div>
    </Section>
  );
}

function State({ of: state }: { of: Standing["state"] }) {
  const { t } = useLingui();
  switch (state) {
    case "current":
      return <StateBadge state="ok">{t`Current`}</StateBadge>;
    case "incomplete":
      return <StateBadge state="failing">{t`Not all affirmed`}</StateBadge>;
    case "expired":
      return <StateBadge state="failed">{t`Expired`}</StateBadge>;
    case "unverified":
      return <StateBadge state="failed">{t`Cannot be verified`}</StateBadge>;
    default:
      return <StateBadge state="off">{t`None`}</StateBadge>;
  }
}

function Until({ of: found }: { of: Standing }) {
  const { t } = useLingui();
  if (found.expires === null) return t`Unknown`;
  return (
    <>
      <At at={found.expires} /> (<Countdown until={found.expires} over={t`over`} />)
    </>
  );
}

function Public() {
  return (
    <a href="/canary">
      <Trans>What everybody sees</Trans>
    </a>
  );
}

function Publish({ onDone }: { onDone: () => void }) {
  const { t } = useLingui();
  const [document, setDocument] = useState<File | null>(null);
  const [signatures, setSignatures] = useState<File[]>([]);
  const publish = async () => {
    const made = await send<{ number: number }>("POST", "/canary", {
      document: (await document?.text()) ?? "",
      signatures: await Promise.all(signatures.map((file) => file.text())),
    });
    await queries.invalidateQueries({ queryKey: canaryQuery.queryKey });
    toast({ text: t`Canary ${made.number} is published` });
    onDone();
  };
  return (
    <div className="stack">
      <p>
        <Trans>
          The operator drafts it, two of the three signers sign it on their own machines. It is published for
          good, and refused unless all of it holds.
        </Trans>
      </p>
      <Form onSubmit={publish} verb={t`Publish the canary`}>
        {(field) => (
          <>
            <FileInput
              label={t`Document`}
              description={t`As it was signed, byte for byte.`}
              placeholder={t`Choose a file`}
              value={document}
              onChange={setDocument}
              error={field("document")}
            />
            <FileInput
              multiple
              label={t`Signatures`}
              description={t`Two or three files that ssh-keygen wrote.`}
              placeholder={t`Choose files`}
              value={signatures}
              onChange={setSignatures}
              error={field("signatures")}
            />
          </>
        )}
      </Form>
    </div>
  );
}
