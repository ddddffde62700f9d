// One message of a customer, over their log.
import { useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Drawer } from "../../ui/Drawer";
import { Loaded } from "../../ui/Loaded";
import { Timeline } from "../logs/Timeline";
import { messageQuery } from "./granted";

const route = getRouteApi("/staff/accounts/$accountId/log/$messageId");

export default function Message() {
  const { t } = useLingui();
  const { accountId, messageId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(messageQuery(accountId, search.grant, messageId));
  const close = () =>
    void navigate({
      to: "/staff/accounts/$accountId/log",
      params: { accountId },
      search,
      resetScroll: false,
    });
  return (
    <Drawer title={(query.data?.subject ?? t`Message`) || t`No subject`} onClose={close}>
      <Loaded query={query} lines={8}>
        {(found) => <Timeline message={{ ...found, unfinished: [] }} to={found.alias} />}
      </Loaded>
    </Drawer>
  );
}
