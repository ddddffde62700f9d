// The log as a file, by the filter that is on screen.
import { useLingui } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { api } from "../../api/client";
import { problemOf } from "../../api/problem";
import { type Command, useCommands } from "../../shell/commands";
import { IconDownload } from "../../ui/icons";
import { toast } from "../../ui/toasts";
import type { LogFilter } from "./matching";

type Format = "csv" | "jsonl";
/** Browsers read the address after the press. */
const KEPT_FOR = 60_000;

export function Export({ filter }: { filter: LogFilter }) {
  const { t } = useLingui();
  const [running, setRunning] = useState<Format>();
  const take = useMemo(
    () => async (format: Format) => {
      setRunning(format);
      await download(filter, format).catch((error) => toast({ text: problemOf(error).detail, tone: "bad" }));
      setRunning(undefined);
    },
    [filter],
  );
  useCommands(
    useMemo((): Command[] => {
      const group = t`Do`;
      return [
        {
          id: "log-csv",
          title: t`Export the log as CSV`,
          icon: IconDownload,
          group,
          run: () => void take("csv"),
        },
        {
          id: "log-json",
          title: t`Export the log as JSON`,
          icon: IconDownload,
          group,
          run: () => void take("jsonl"),
        },
      ];
    }, [take, t]),
  );
  return (
    <>
      <Button leftSection={<IconDownload />} loading={running === "csv"} onClick={() => void take("csv")}>
        {t`Export CSV`}
      </Button>
      <Button leftSection={<IconDownload />} loading={running === "jsonl"} onClick={() => void take("jsonl")}>
        {t`Export JSON`}
      </Button>
    </>
  );
}

async function download(filter: LogFilter, format: Format): Promise<void> {
  const query = { ...filter, format };
  const { data } = await api.GET("/v1/logs/export", { params: { query }, parseAs: "blob" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data as Blob);
  link.download = `clearpost-log.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_FOR);
}
