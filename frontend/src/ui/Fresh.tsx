// Around what a browser that was left open must not do: it is shown to who signed in a moment ago; others are
// taken through signing in and come back here. The URL must say what was open, so that it is open again.
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { signIn } from "../api/client";
import { useSession } from "../api/session";

/** Less than this is too short to do anything in. */
const MARGIN = 15_000;

export function Fresh({ children }: { children: ReactNode }) {
  return useIsFresh() ? children : <SignInAgain />;
}

export function useIsFresh(): boolean {
  const { me } = useSession();
  const ends = Date.parse(me.fresh_until) - MARGIN;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), Math.max(0, ends - Date.now()));
    return () => clearTimeout(timer);
  }, [ends]);
  return now < ends;
}

function SignInAgain() {
  return (
    <div className="stack">
      <p>
        <Trans>You signed in a while ago. Sign in again for this: you come back here and go on.</Trans>
      </p>
      <div className="row">
        <Button variant="filled" onClick={() => void signIn()} data-autofocus>
          <Trans>Sign in again</Trans>
        </Button>
      </div>
    </div>
  );
}
