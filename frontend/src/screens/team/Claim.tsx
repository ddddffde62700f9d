// An account whose owners are gone: who asks to own it, and when it becomes theirs; an admin may ask.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useState } from "react";
import { $api, api } from "../../api/client";
import { useList } from "../../api/lists";
import { problemOf } from "../../api/problem";
import { useRefresh } from "../../api/refresh";
import { useSession } from "../../api/session";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Note } from "../../ui/notes";
import { toast } from "../../ui/toasts";
import { At } from "../../ui/When";

/** 404: nobody asks. */
function useClaim() {
  const { data, isError } = $api.useQuery("get", "/v1/account/claim", undefined, { retry: false });
  return { found: isError ? undefined : data, isNone: isError };
}

/** For an admin, where nobody has asked yet. */
export function AskToOwn() {
  const { role } = useSession();
  const { isNone } = useClaim();
  return role === "admin" && isNone ? <Ask /> : null;
}

export function Claim() {
  const { me, role } = useSession();
  const people = useList("/v1/members", { limit: 100 }).rows;
  const { found } = useClaim();
  if (found === undefined) return null;
  const isMine = found.person_id === me.id;
  const who = people.find(({ person_id }) => person_id === found.person_id)?.email ?? "";
  return (
    <Note>
      {isMine ? (
        <Trans>
          You asked to own this account. It is yours on <At at={found.due_at} />, unless an owner objects or
          signs in.
        </Trans>
      ) : (
        <Trans>
          {who} asks to own this account, and does on <At at={found.due_at} /> unless an owner objects.
        </Trans>
      )}{" "}
      {(isMine || role === "owner") && <End isMine={isMine} />}
    </Note>
  );
}

function End({ isMine }: { isMine: boolean }) {
  const refresh = useRefresh();
  const end = () =>
    api.DELETE("/v1/account/claim").then(
      () => refresh("/v1/account/claim"),
      (error) => toast({ text: problemOf(error).detail, tone: "bad" }),
    );
  return (
    <Button size="xs" onClick={end}>
      {isMine ? <Trans>Withdraw</Trans> : <Trans>Object</Trans>}
    </Button>
  );
}

function Ask() {
  const { t } = useLingui();
  const refresh = useRefresh();
  const [isOpen, setOpen] = useState(false);
  const ask = async () => {
    await api.POST("/v1/account/claim");
    await refresh("/v1/account/claim");
  };
  return (
    <div className="row">
      <Button size="xs" variant="subtle" onClick={() => setOpen(true)}>
        <Trans>Are the owners gone?</Trans>
      </Button>
      {isOpen && (
        <ConfirmDanger
          title={t`Ask to own this account`}
          verb={t`Ask`}
          onConfirm={ask}
          onClose={() => setOpen(false)}
        >
          <p>
            <Trans>
              Every owner gets a letter. After 7 days without a word from them the account is yours.
            </Trans>
          </p>
        </ConfirmDanger>
      )}
    </div>
  );
}
