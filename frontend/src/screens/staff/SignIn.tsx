// Staff sign in once more, with a passkey and nothing else, for eight hours.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useState } from "react";
import { Problem, problemOf } from "../../api/problem";
import { queries } from "../../api/queries";
import { useSession } from "../../api/session";
import { IconPlus } from "../../ui/icons";
import { ProblemNote } from "../../ui/notes";
import { Page } from "../../ui/Page";
import { AddPasskey } from "../security/AddPasskey";
import { askPasskey, type Options } from "../security/webauthn";
import { send } from "./client";

export function SignIn() {
  const { t } = useLingui();
  const { me } = useSession();
  const [problem, setProblem] = useState<Problem>();
  const [isRunning, setRunning] = useState(false);
  // Here, as staff may have no account to add it in.
  const [isAdding, add] = useState(false);
  const signIn = async () => {
    setRunning(true);
    setProblem(undefined);
    try {
      const credential = await askPasskey(await send<Options>("POST", "/session/options"));
      if (credential === null) throw new Problem(0, "passkey_invalid", t`No passkey was used.`);
      await send("POST", "/session", { credential });
      await queries.resetQueries({ queryKey: ["staff"] });
    } catch (error) {
      setProblem(problemOf(error));
      setRunning(false);
    }
  };
  return (
    <Page
      title={t`Staff`}
      lead={<Trans>A session of its own, for 8 hours. All you look at is written down.</Trans>}
    >
      <div className="stack">
        {problem !== undefined && <ProblemNote error={problem} />}
        <div className="row">
          {me.passkeys === 0 ? (
            <Button variant="filled" leftSection={<IconPlus />} onClick={() => add(true)}>
              <Trans>Add passkey</Trans>
            </Button>
          ) : (
            <Button variant="filled" loading={isRunning} onClick={() => void signIn()}>
              <Trans>Sign in with a passkey</Trans>
            </Button>
          )}
        </div>
        {isAdding && <AddPasskey onClose={() => add(false)} />}
      </div>
    </Page>
  );
}
