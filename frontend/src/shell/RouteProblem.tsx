// A screen that failed, or is not there: the shell around it stays.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import { Problem } from "../api/problem";
import { Page } from "../ui/Page";

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

export function RouteProblem({ error, reset }: ErrorComponentProps) {
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

/** After a new version the chunk of an old page is gone: loading anew brings it. */
function explain(error: unknown): string | undefined {
  return error instanceof Problem ? error.detail : undefined;
}
