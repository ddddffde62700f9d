import type { Plugin } from "vite";

export function gzipBeside(): Plugin;
