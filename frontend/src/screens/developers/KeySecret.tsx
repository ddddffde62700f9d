// What stands after a key was made or rolled: its secret, and a request that works as it is pasted.
import { Trans, useLingui } from "@lingui/react/macro";
import type { Shown } from "../../api/client";
import { Code } from "./Code";
import { curlExample } from "./example";
import { SecretShown } from "./SecretShown";

interface Props {
  made: Shown["KeyWithSecret"];
  /** Somebody wanted to close it. */
  isAsked: boolean;
  onDone: () => void;
}

export function KeySecret({ made, isAsked, onDone }: Props) {
  const { t } = useLingui();
  const example = curlExample(made, made.secret, window.location.origin);
  return (
    <SecretShown secret={made.secret} isAsked={isAsked} onDone={onDone}>
      {example === null ? null : (
        <Code title={<Trans>Try it</Trans>} label={t`the example`}>
          {example}
        </Code>
      )}
    </SecretShown>
  );
}
