// A component with all that stands around it in the portal, but for the API: answers are put into `queries`.

import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { type RenderResult, render } from "@testing-library/react";
import type { ReactNode } from "react";
import type { Me } from "../api/session";
import { parseSearch, stringifySearch } from "../data/search";

export const ME: Me = {
  id: "0192f0c1-0000-7000-8000-000000000001",
  email: "ada@example.net",
  name: "Ada",
  account_id: "0192f0c1-0000-7000-8000-00000000000a",
  role: "owner",
  is_staff: false,
  fresh_until: "2026-11-22T10:10:00Z",
  scopes: [
    "domains:read",
    "domains:write",
    "aliases:read",
    "aliases:write",
    "logs:read",
    "account:read",
    "account:write",
    "billing:read",
    "billing:write",
  ],
  accounts: [{ id: "0192f0c1-0000-7000-8000-00000000000a", name: "Demo", role: "owner" }],
  session_id: "0192f0c1-0000-7000-8000-00000000000b",
  method: "link",
  signed_in_at: "2026-11-22T10:00:00Z",
  passkeys: 0,
  identities: [],
};

export function newQueries(): QueryClient {
  const queries = new QueryClient({
    defaultOptions: { queries: { retry: false, staleTime: Number.POSITIVE_INFINITY } },
  });
  queries.setQueryData(["get", "/v1/me"], ME);
  return queries;
}

/** Resolves when it is on screen. */
export async function show(children: ReactNode, queries = newQueries(), path = "/"): Promise<RenderResult> {
  const root = createRootRoute({ component: () => children, notFoundComponent: () => null });
  const router = createRouter({
    routeTree: root,
    history: createMemoryHistory({ initialEntries: [path] }),
    parseSearch,
    stringifySearch,
  });
  await router.load();
  const shown = render(
    <I18nProvider i18n={i18n}>
      <MantineProvider env="test">
        <QueryClientProvider client={queries}>
          {/* A router of the test's own: the portal's paths are not known to it. */}
          <RouterProvider router={router as never} />
        </QueryClientProvider>
      </MantineProvider>
    </I18nProvider>,
  );
  return shown;
}
