// For our own staff: accounts in figures, nothing of their mail. Nobody else has such a page.
import { useQuery } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { useSession } from "../../api/session";
import { NotFound } from "../../shell/RouteProblem";
import { Loaded } from "../../ui/Loaded";
import { meQuery } from "./client";
import { SignIn } from "./SignIn";

export default function Screen() {
  const session = useSession();
  return session.isStaff ? <Inside /> : <NotFound />;
}

function Inside() {
  const me = useQuery(meQuery);
  if (me.error?.code === "unauthorized") return <SignIn />;
  return <Loaded query={me}>{() => <Outlet />}</Loaded>;
}
