// What is held of this account, who may read it, and how all of it is taken out or ends.
import { useLingui } from "@lingui/react/macro";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { $api } from "../../api/client";
import { useSession } from "../../api/session";
import { useWatched } from "../../api/whole";
import { Loaded } from "../../ui/Loaded";
import { Page } from "../../ui/Page";
import { Checkable } from "./Checkable";
import { DeleteAccount, Ending } from "./DeleteAccount";
import { Export } from "./Export";
import { Held } from "./Held";
import { LogLevels } from "./LogLevels";
import { Policy } from "./Policy";
import { WhoReads } from "./WhoReads";

const LOOK_EVERY = 15_000;

export default function Screen() {
  const { t } = useLingui();
  const session = useSession();
  const search = useSearch({ from: "/privacy" });
  const navigate = useNavigate({ from: "/privacy" });
  const held = $api.useQuery("get", "/v1/privacy/held", undefined, { staleTime: 0 });
  useWatched(() => void held.refetch(), LOOK_EVERY);
  const close = () => void navigate({ search: {}, resetScroll: false });
  return (
    <Page title={t`Privacy`}>
      <Loaded query={held} lines={8}>
        {(found) => (
          <>
            <Held found={found} />
            <WhoReads grants={found.support_grants} />
          </>
        )}
      </Loaded>
      <LogLevels />
      <Checkable />
      <Export />
      {session.is("owner") && <Ending />}
      {search.do === "policy" && <Policy onClose={close} />}
      {search.do === "delete-account" && session.is("owner") && <DeleteAccount onClose={close} />}
    </Page>
  );
}
