// The account one works in; a menu where there are several.
import { Trans } from "@lingui/react/macro";
import { Menu } from "@mantine/core";
import { $api } from "../api/client";
import { moveAllTabs } from "../api/live";
import { problemOf } from "../api/problem";
import { useSession } from "../api/session";
import { planName } from "../data/plans";
import { IconCheck, IconUpDown } from "../ui/icons";
import { toast } from "../ui/toasts";
import styles from "./nav.module.css";

export function AccountSwitcher() {
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
  return (
    <Menu position="bottom-start" width="target">
      <Menu.Target>
        <button type="button" className={styles.account}>
          {names}
          <IconUpDown />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Trans>Work in</Trans>
        </Menu.Label>
        {me.accounts.map((each) => (
          <Menu.Item
            key={each.id}
            disabled={choose.isPending}
            rightSection={each.id === me.account_id && <IconCheck />}
            onClick={() => choose.mutate({ body: { account_id: each.id } })}
          >
            {each.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
