// What describes an OAuth app, as a form has it.
import { useLingui } from "@lingui/react/macro";
import { Textarea, TextInput } from "@mantine/core";
import { useSession } from "../../api/session";
import type { ScopeName } from "../../data/scopes";
import { ScopeChoice } from "./ScopeChoice";

export interface AppDraft {
  name: string;
  homepage: string;
  /** One in each line. */
  uris: string;
  scopes: ReadonlySet<ScopeName>;
}

export function isWhole({ name, homepage, uris, scopes }: AppDraft): boolean {
  return name.trim() !== "" && homepage.trim() !== "" && uris.trim() !== "" && scopes.size > 0;
}

export function bodyOf({ name, homepage, uris, scopes }: AppDraft) {
  const redirect_uris = uris.split("\n").map((line) => line.trim());
  return {
    name: name.trim(),
    homepage: homepage.trim(),
    redirect_uris: redirect_uris.filter((line) => line !== ""),
    scopes: [...scopes],
  };
}

interface Props {
  value: AppDraft;
  onChange: (value: AppDraft) => void;
  field: (name: string) => string | undefined;
}

export function AppFields({ value, onChange, field }: Props) {
  const { t } = useLingui();
  const { me } = useSession();
  return (
    <>
      <TextInput
        label={t`Name`}
        description={t`People see it when they are asked`}
        value={value.name}
        onChange={(event) => onChange({ ...value, name: event.currentTarget.value })}
        error={field("name")}
        maxLength={60}
        autoComplete="off"
      />
      <TextInput
        label={t`Homepage`}
        placeholder="https://sorter.example"
        value={value.homepage}
        onChange={(event) => onChange({ ...value, homepage: event.currentTarget.value })}
        error={field("homepage")}
        autoComplete="off"
      />
      <Textarea
        label={t`Redirect URIs`}
        description={t`One in each line; compared letter by letter`}
        placeholder="https://sorter.example/callback"
        value={value.uris}
        onChange={(event) => onChange({ ...value, uris: event.currentTarget.value })}
        error={field("redirect_uris")}
        rows={3}
        spellCheck={false}
      />
      <ScopeChoice
        value={value.scopes}
        onChange={(scopes) => onChange({ ...value, scopes })}
        most={new Set(me.scopes)}
        error={field("scopes")}
      />
    </>
  );
}
