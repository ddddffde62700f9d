// The account one works in; a choice where there are several.
import { useLingui } from "@lingui/react/macro";
import { $api } from "../api/client";
import { moveAllTabs } from "../api/live";
import { problemOf } from "../api/problem";
import { useSession } from "../api/session";
import { planName } from "../data/plans";
import { IconCheck, IconUpDown } from "../ui/icons";
import { toast } from "../ui/toasts";
import styles from "./nav.module.css";
import { Popup, PopupItem } from "./Popup";

export function AccountSwitcher() {
  const { t } = useLingui();
  const { me } = useSession();
  const account = $api.useQuery("get", "/v1/account");
  const choose = $api.useMutation("post", "/v1/me/account", {
    onSuccess: moveAllTabs,
    onError: (error) => toast({ text: problemOf(error).detail, tone: "bad" }),
  });
  const here = me.accounts.find((each) => each.id === me.account_id);
  const names = (
    <span className={styles.names}>
      <span className={styles.name}>{account.data?.name ?? here?.name}</span>
      <span className={styles.under}>{account.data ? planName(account.data.plan) : "\u00a0"}</span>
    </span>
  );
  if (me.accounts.length < 2) return <div className={styles.account}>{names}</div>;
  const button = (
    <>
      {names}
      <IconUpDown />
    </>
  );
  return (
    <Popup button={button} className={styles.account} side="below" label={t`Work in`}>
      {() =>
        me.accounts.map((each) => (
          <PopupItem
            key={each.id}
            disabled={choose.isPending}
            isCurrent={each.id === me.account_id}
            mark={each.id === me.account_id && <IconCheck />}
            onClick={() => choose.mutate({ body: { account_id: each.id } })}
          >
            {each.name}
          </PopupItem>
        ))
      }
    </Popup>
  );
}
