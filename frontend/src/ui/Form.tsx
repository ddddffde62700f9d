// Forms: fields below each other, the button below them, a refusal where it belongs: at its field, else above
// the button. Use Mantine's TextInput, Select, Checkbox with `error={field("name")}`.
import { Button } from "@mantine/core";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { type Problem, problemOf } from "../api/problem";
import { ProblemNote } from "./notes";
import styles from "./pieces.module.css";

interface Props {
  /** May throw a Problem. */
  onSubmit: () => Promise<unknown>;
  /** The verb: "Add the domain". */
  verb: string;
  /** Beside the button: Cancel, say. */
  beside?: ReactNode;
  isReady?: boolean;
  /** Beside a main action of the same screen: the button is not filled. */
  isQuiet?: boolean;
  children: (field: (name: string) => string | undefined) => ReactNode;
}

export function Form({ onSubmit, verb, beside, isReady = true, isQuiet = false, children }: Props) {
  const [problem, setProblem] = useState<Problem>();
  const [isRunning, setRunning] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isRunning) return;
    setRunning(true);
    setProblem(undefined);
    try {
      await onSubmit();
    } catch (error) {
      setProblem(problemOf(error));
      // After the fields have been told: the first wrong one.
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
    } finally {
      setRunning(false);
    }
  };
  const hasFields = (problem?.body.errors?.length ?? 0) > 0;
  return (
    <form ref={form} className={styles.form} onSubmit={submit} noValidate>
      {children((name) => problem?.field(name))}
      {problem !== undefined && !hasFields && <ProblemNote error={problem} />}
      <div className={styles.formFoot}>
        <Button
          type="submit"
          variant={isQuiet ? "default" : "filled"}
          loading={isRunning}
          disabled={!isReady}
        >
          {verb}
        </Button>
        {beside}
      </div>
    </form>
  );
}
