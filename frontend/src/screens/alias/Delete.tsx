// The end of an alias, and what ends with it.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { patch } from "../../api/change";
import { api } from "../../api/client";
import { ConfirmDanger } from "../../ui/ConfirmDanger";
import { Section } from "../../ui/Page";
import { toast } from "../../ui/toasts";
import { type Alias, LISTS, ONE } from "../aliases/changes";

interface Props {
  alias: Alias;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
}

export function Delete({ alias, isOpen, onOpen }: Props) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { id, address } = alias;
  const remove = async () => {
    await api.DELETE(ONE, { params: { path: { alias_id: id } } });
    for (const path of LISTS) patch<Alias>(queries, path, id, () => null);
    toast({ text: t`${address} deleted` });
    await navigate({ to: "/aliases", replace: true });
  };
  return (
    <Section
      title={t`Delete this alias`}
      lead={t`Its mail is refused from then on, and mail that still waits for it is cancelled. The destinations stay.`}
      tone="danger"
      actions={
        <Button color="red" onClick={() => onOpen(true)}>
          <Trans>Delete the alias</Trans>
        </Button>
      }
    >
      {isOpen && (
        <ConfirmDanger
          title={t`Delete ${address}?`}
          verb={t`Delete the alias`}
          onConfirm={remove}
          onClose={() => onOpen(false)}
        >
          <Trans>
            Mail to it is refused at once. Mail that still waits for it is cancelled and cannot come back.
          </Trans>
        </ConfirmDanger>
      )}
    </Section>
  );
}
