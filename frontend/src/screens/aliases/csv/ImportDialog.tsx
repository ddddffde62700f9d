// Aliases from a CSV file: looked through first, then brought in, and undone as a whole.
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox, FileInput, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, type Shown } from "../../../api/client";
import { type Problem, problemOf } from "../../../api/problem";
import { number } from "../../../data/figures";
import { Dialog } from "../../../ui/Dialog";
import { ProblemNote } from "../../../ui/notes";
import { Progress } from "../bulk/Progress";
import { useRun } from "../bulk/useRun";
import { Preview } from "./Preview";

type Import = Shown["Import"];
interface Choice {
  domain_id: string;
  destination: string;
  update: boolean;
}

async function bring(csv: string, choice: Choice, isDry: boolean): Promise<Import> {
  const query = {
    update: choice.update,
    dry_run: isDry,
    domain_id: choice.domain_id || null,
    destination: choice.destination.trim() || null,
  };
  const answer = await api.POST("/v1/aliases/import", {
    params: { query },
    body: csv,
    bodySerializer: (body) => body,
    headers: { "Content-Type": "text/csv" },
  });
  return answer.data as Import;
}

export function ImportDialog({ domains, onClose }: { domains: Shown["Domain"][]; onClose: () => void }) {
  const { t } = useLingui();
  const run = useRun();
  const [csv, setCsv] = useState<string>();
  const [choice, setChoice] = useState<Choice>({
    domain_id: domains.length === 1 ? (domains[0]?.id ?? "") : "",
    destination: "",
    update: false,
  });
  const [found, setFound] = useState<Import>();
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const ask = async (isDry: boolean, text: string, wanted: Choice) => {
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await bring(text, wanted, isDry);
      if (isDry) setFound(answer);
      else run.took(answer.results);
    } catch (error) {
      setFound(undefined);
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  const look = (text = csv, wanted = choice) => {
    if (text !== undefined) void ask(true, text, wanted);
  };
  const change = (part: Partial<Choice>) => {
    const next = { ...choice, ...part };
    setChoice(next);
    if (!("destination" in part)) look(csv, next);
  };
  const good = found === undefined ? 0 : found.counts.created + found.counts.changed;
  const count = number(good);
  return (
    <Dialog title={t`Import aliases from CSV`} onClose={onClose}>
      {run.stage !== "ready" ? (
        <Progress run={run} onClose={onClose} />
      ) : (
        <form
          className="stack"
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            if (csv !== undefined && good > 0) void ask(false, csv, choice);
          }}
        >
          <FileInput
            label={t`CSV file`}
            description={t`Ours, or an export of SimpleLogin, addy.io, ImprovMX or Forward Email; up to 5,000 lines.`}
            placeholder={t`Choose a file`}
            accept=".csv,.tsv,.txt,text/csv"
            onChange={(file) =>
              void file?.text().then((text) => {
                setCsv(text);
                look(text);
              })
            }
          />
          <NativeSelect
            label={t`Domain of lines that name none`}
            value={choice.domain_id}
            onChange={(event) => change({ domain_id: event.currentTarget.value })}
            data={[
              { value: "", label: t`None: refuse them` },
              ...domains.map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
          <TextInput
            label={t`Destination of lines that name none`}
            placeholder="you@example.net"
            type="email"
            value={choice.destination}
            onChange={(event) => change({ destination: event.currentTarget.value })}
            onBlur={() => look()}
          />
          <Checkbox
            label={t`Change aliases that exist already`}
            checked={choice.update}
            onChange={(event) => change({ update: event.currentTarget.checked })}
          />
          {problem !== undefined && <ProblemNote error={problem} />}
          {found !== undefined && <Preview found={found} />}
          <div className="row">
            <Button type="submit" variant="filled" disabled={good === 0} loading={isBusy}>
              {good === 0 ? t`Import` : t`Import ${count} aliases`}
            </Button>
            <Button onClick={onClose}>
              <Trans>Cancel</Trans>
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
