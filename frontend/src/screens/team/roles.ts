// Roles by their names, and which of them one may give.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Role } from "../../api/session";

export const ROLES: readonly Role[] = ["viewer", "member", "admin", "owner"];

export const ROLE_NAMES: Record<Role, MessageDescriptor> = {
  viewer: msg`Viewer`,
  member: msg`Member`,
  admin: msg`Admin`,
  owner: msg`Owner`,
};

/** Only an owner makes owners, or changes what one is. */
export function mayChange(mine: Role | null, theirs: Role): boolean {
  return mine === "owner" || (mine === "admin" && theirs !== "owner");
}

export function givable(mine: Role | null): Role[] {
  if (mine === "owner") return [...ROLES];
  return mine === "admin" ? ROLES.filter((role) => role !== "owner") : [];
}
