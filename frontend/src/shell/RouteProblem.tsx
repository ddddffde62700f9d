// A screen that failed, or is not there: the shell around it stays.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { Problem } from "../api/problem";
import { useReach } from "../api/reach";
import { Page } from "../ui/Page";
import { ScreenSkeleton } from "../ui/Skeleton";
import { isMissing, loadAnew, mayLoadAnew } from "./missing";

export function NotFound() {
  const { t } = useLingui();
  return (
    <Page title={t`There is no such page`}>
      <p className="soft">
        <Trans>
          The address may be mistyped, or what it showed is gone. Go to the{" "}
          <Link to="/overview">overview</Link>, or press Ctrl K to search.
        </Trans>
      </p>
    </Page>
  );
}

/** After a release the files of an old page are gone: it loads itself anew, and only once. */
export function RouteProblem(props: ErrorComponentProps) {
  const [isHelped] = useState(() => isMissing(props.error) && mayLoadAnew());
  return isHelped ? <Missing /> : <Fault {...props} />;
}

function Missing() {
  const { t } = useLingui();
  const reach = useReach();
  useEffect(() => loadAnew(), []);
  if (reach === "here") return <ScreenSkeleton />;
  return (
    <Page title={t`This page is not here yet`}>
      <p className="soft">
        <Trans>It opens by itself as soon as Clearpost answers again.</Trans>
      </p>
    </Page>
  );
}

function Fault({ error, reset }: ErrorComponentProps) {
  const { t } = useLingui();
  const router = useRouter();
  const again = () => {
    reset();
    void router.invalidate();
  };
  return (
    <Page title={t`This page could not be shown`}>
      <p className="soft">{explain(error) ?? t`A fault of ours. Nothing of yours has changed.`}</p>
      <div className="row">
        <Button onClick={again}>{t`Try again`}</Button>
        <Button onClick={() => window.location.reload()}>{t`Load anew`}</Button>
      </div>
    </Page>
  );
}

function explain(error: unknown): string | undefined {
  return error instanceof Problem ? error.detail : undefined;
}
