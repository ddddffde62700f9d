// For those who may look, not act: who can.
import { Trans } from "@lingui/react/macro";
import { $api } from "../../api/client";

export function WhoCan() {
  const members = $api.useQuery("get", "/v1/members", { params: { query: { limit: 100 } } });
  const owners = members.data?.data.filter(({ role }) => role === "owner") ?? [];
  if (owners.length === 0) return null;
  const names = new Intl.ListFormat(document.documentElement.lang || "en", { type: "disjunction" }).format(
    owners.map(({ email }) => email),
  );
  return (
    <p className="soft">
      <Trans>Only owners change the plan: ask {names}.</Trans>
    </p>
  );
}
