import { lingui } from "@lingui/vite-plugin";
import babel from "@rolldown/plugin-babel";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compiledMessages } from "./scripts/compiled-messages.mjs";
import { gzipBeside } from "./scripts/gzip-beside.mjs";

// The API of a local stack (make up): everything that is no file of ours goes there.
const API = process.env.CLEARPOST_WEB_URL ?? "http://localhost:8025";
const PROXIED = ["/v1", "/auth", "/staff/v1", "/docs", "/oauth", "/openapi.json", "/status.json", "/healthz"];

export default defineConfig({
  plugins: [
    react(),
    // Messages stay where they are used, so that each chunk brings its own (src/i18n.ts).
    babel({
      include: /\/src\/.*\.tsx?$/,
      plugins: [["@lingui/babel-plugin-lingui-macro", { stripMessageField: false }], compiledMessages],
    }),
    lingui(),
    gzipBeside(),
  ],
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // What each page needs: two files, as many small ones compress worse. Releases seldom change the first.
        codeSplitting: {
          groups: [
            { name: "ground", test: /node_modules/, tags: ["$initial"] },
            { name: "shell", tags: ["$initial"] },
          ],
        },
      },
    },
  },
  server: {
    fs: { allow: [".."] },
    proxy: Object.fromEntries(PROXIED.map((path) => [path, { target: API, changeOrigin: false }])),
  },
});
