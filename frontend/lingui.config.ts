import { defineConfig } from "@lingui/conf";
import { formatter } from "@lingui/format-po";

// English is the source and stays in the code; src/locales/en.po is what translators start from.
export default defineConfig({
  sourceLocale: "en",
  locales: ["en"],
  catalogs: [
    {
      path: `${process.env.CLEARPOST_LOCALES ?? "<rootDir>/src/locales"}/{locale}`,
      include: ["src"],
      exclude: ["**/*.test.tsx", "**/*.test.ts", "src/test/**"],
    },
  ],
  format: formatter({ lineNumbers: false, origins: false }),
  orderBy: "message",
});
