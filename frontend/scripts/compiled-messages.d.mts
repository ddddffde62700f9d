import type { PluginObject } from "@babel/core";

export function compiledMessages(babel: unknown): PluginObject;
