// To Stripe's page of cards and invoices; `children` where another word says better what for.
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { problemOf } from "../../api/problem";
import { IconExternal } from "../../ui/icons";
import { toast } from "../../ui/toasts";
import { openPortal } from "./orders";

export function PortalButton({ isMain = false, children }: { isMain?: boolean; children?: ReactNode }) {
  const [isOpening, setOpening] = useState(false);
  const open = async () => {
    setOpening(true);
    await openPortal().catch((error) => toast({ text: problemOf(error).detail, tone: "bad" }));
    setOpening(false);
  };
  return (
    <Button
      variant={isMain ? "filled" : "default"}
      rightSection={<IconExternal />}
      loading={isOpening}
      onClick={() => void open()}
    >
      {children ?? <Trans>Cards and invoices</Trans>}
    </Button>
  );
}
