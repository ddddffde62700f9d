// The domain of the route; on its screen only, which shows nothing before it is there.
import { getRouteApi } from "@tanstack/react-router";
import { $api } from "../../api/client";
import type { Domain } from "./health";

const route = getRouteApi("/domains/$domainId");

export function useDomainQuery() {
  const { domainId } = route.useParams();
  return $api.useQuery("get", "/v1/domains/{domain_id}", { params: { path: { domain_id: domainId } } });
}

export function useDomain(): Domain {
  const { data } = useDomainQuery();
  if (data === undefined) throw new Error("a tab stands outside of its screen");
  return data;
}
