// Every path of the portal. Each screen is a chunk of its own, fetched when somebody points at a link to it.
import { createRootRoute, createRoute, createRouter, redirect } from "@tanstack/react-router";
import { parseSearch, stringifySearch } from "./data/search";
import { search as aliasesSearch } from "./screens/aliases/search";
import { search as billingSearch } from "./screens/billing/search";
import { search as destinationsSearch } from "./screens/destinations/search";
import { search as developersSearch } from "./screens/developers/search";
import { search as domainSearch } from "./screens/domain/search";
import { search as domainsSearch } from "./screens/domains/search";
import { search as logsSearch } from "./screens/logs/search";
import { search as privacySearch } from "./screens/privacy/search";
import { search as profileSearch } from "./screens/profile/search";
import { search as queueSearch } from "./screens/queue/search";
import { search as securitySearch } from "./screens/security/search";
import { logSearch as staffLogSearch, search as staffSearch } from "./screens/staff/search";
import { search as supportSearch } from "./screens/support/search";
import { search as teamSearch } from "./screens/team/search";
import { search as welcomeSearch } from "./screens/welcome/search";
import { Frame } from "./shell/Frame";
import { lazyScreen } from "./shell/missing";
import { NotFound, RouteProblem } from "./shell/RouteProblem";
import { ScreenSkeleton } from "./ui/Skeleton";

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });
const at = <const Path extends string>(path: Path) => ({ getParentRoute: () => root, path });

const home = createRoute({
  ...at("/"),
  beforeLoad: () => {
    throw redirect({ to: "/overview", replace: true });
  },
});
const overview = createRoute({
  ...at("/overview"),
  component: lazyScreen(() => import("./screens/overview")),
});
const welcome = createRoute({
  ...at("/welcome"),
  validateSearch: welcomeSearch,
  component: lazyScreen(() => import("./screens/welcome")),
});
const domains = createRoute({
  ...at("/domains"),
  validateSearch: domainsSearch,
  component: lazyScreen(() => import("./screens/domains")),
});
const domain = createRoute({
  ...at("/domains/$domainId"),
  component: lazyScreen(() => import("./screens/domain")),
});
const ofDomain = <const Path extends string>(path: Path) => ({ getParentRoute: () => domain, path });
const domainAliases = createRoute({
  ...ofDomain("/"),
  validateSearch: domainSearch,
  component: lazyScreen(() => import("./screens/domain/aliases")),
});
const domainDns = createRoute({
  ...ofDomain("/dns"),
  component: lazyScreen(() => import("./screens/domain/dns")),
});
const domainLogs = createRoute({
  ...ofDomain("/logs"),
  validateSearch: logsSearch,
  component: lazyScreen(() => import("./screens/domain/logs")),
});
const domainSettings = createRoute({
  ...ofDomain("/settings"),
  component: lazyScreen(() => import("./screens/domain/settings")),
});
const aliases = createRoute({
  ...at("/aliases"),
  validateSearch: aliasesSearch,
  component: lazyScreen(() => import("./screens/aliases")),
});
const alias = createRoute({
  ...at("/aliases/$aliasId"),
  component: lazyScreen(() => import("./screens/alias")),
});
const destinations = createRoute({
  ...at("/destinations"),
  validateSearch: destinationsSearch,
  component: lazyScreen(() => import("./screens/destinations")),
});
const logs = createRoute({
  ...at("/logs"),
  validateSearch: logsSearch,
  component: lazyScreen(() => import("./screens/logs")),
});
const message = createRoute({
  getParentRoute: () => logs,
  path: "/$messageId",
  component: lazyScreen(() => import("./screens/logs/message")),
});
const queue = createRoute({
  ...at("/queue"),
  validateSearch: queueSearch,
  component: lazyScreen(() => import("./screens/queue")),
});
const billing = createRoute({
  ...at("/billing"),
  validateSearch: billingSearch,
  component: lazyScreen(() => import("./screens/billing")),
});
const developers = createRoute({
  ...at("/developers"),
  component: lazyScreen(() => import("./screens/developers")),
});
const ofDevelopers = <const Path extends string>(path: Path) => ({ getParentRoute: () => developers, path });
const developersHome = createRoute({
  ...ofDevelopers("/"),
  beforeLoad: () => {
    throw redirect({ to: "/developers/keys", replace: true });
  },
});
const keys = createRoute({
  ...ofDevelopers("/keys"),
  validateSearch: developersSearch,
  component: lazyScreen(() => import("./screens/developers/keys")),
});
const apps = createRoute({
  ...ofDevelopers("/apps"),
  validateSearch: developersSearch,
  component: lazyScreen(() => import("./screens/developers/apps")),
});
const requests = createRoute({
  ...ofDevelopers("/requests"),
  validateSearch: developersSearch,
  component: lazyScreen(() => import("./screens/developers/requests")),
});
const team = createRoute({
  ...at("/team"),
  validateSearch: teamSearch,
  component: lazyScreen(() => import("./screens/team")),
});
const security = createRoute({
  ...at("/security"),
  validateSearch: securitySearch,
  component: lazyScreen(() => import("./screens/security")),
});
const privacy = createRoute({
  ...at("/privacy"),
  validateSearch: privacySearch,
  component: lazyScreen(() => import("./screens/privacy")),
});
const support = createRoute({
  ...at("/support-access"),
  validateSearch: supportSearch,
  component: lazyScreen(() => import("./screens/support")),
});
const profile = createRoute({
  ...at("/profile"),
  validateSearch: profileSearch,
  component: lazyScreen(() => import("./screens/profile")),
});
const staff = createRoute({
  ...at("/staff"),
  component: lazyScreen(() => import("./screens/staff")),
});
const ofStaff = <const Path extends string>(path: Path) => ({ getParentRoute: () => staff, path });
const staffAccounts = createRoute({
  ...ofStaff("/"),
  validateSearch: staffSearch,
  component: lazyScreen(() => import("./screens/staff/accounts")),
});
const staffAccount = createRoute({
  ...ofStaff("/accounts/$accountId"),
  component: lazyScreen(() => import("./screens/staff/account")),
});
const staffGrants = createRoute({
  ...ofStaff("/grants"),
  component: lazyScreen(() => import("./screens/staff/grants")),
});
const staffLog = createRoute({
  ...ofStaff("/accounts/$accountId/log"),
  validateSearch: staffLogSearch,
  component: lazyScreen(() => import("./screens/staff/log")),
});
const staffMessage = createRoute({
  getParentRoute: () => staffLog,
  path: "/$messageId",
  component: lazyScreen(() => import("./screens/staff/message")),
});
const staffQueue = createRoute({
  ...ofStaff("/queue"),
  component: lazyScreen(() => import("./screens/staff/queue")),
});
const staffCanary = createRoute({
  ...ofStaff("/canary"),
  component: lazyScreen(() => import("./screens/staff/canary")),
});
const staffAudit = createRoute({
  ...ofStaff("/audit"),
  component: lazyScreen(() => import("./screens/staff/audit")),
});

const tree = root.addChildren([
  home,
  overview,
  welcome,
  domains,
  domain.addChildren([domainAliases, domainDns, domainLogs, domainSettings]),
  aliases,
  alias,
  destinations,
  logs.addChildren([message]),
  queue,
  billing,
  developers.addChildren([developersHome, keys, apps, requests]),
  team,
  security,
  privacy,
  support,
  profile,
  staff.addChildren([
    staffAccounts,
    staffAccount,
    staffGrants,
    staffLog.addChildren([staffMessage]),
    staffQueue,
    staffCanary,
    staffAudit,
  ]),
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  defaultPreloadDelay: 30,
  defaultPendingMs: 150,
  defaultPendingComponent: ScreenSkeleton,
  defaultErrorComponent: RouteProblem,
  scrollRestoration: true,
  parseSearch,
  stringifySearch,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
