// Holds the budget of DESIGN.md: first load <= 150 kB of gzipped JavaScript, any other chunk <= 50 kB.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST = 150_000;
const CHUNK = 50_000;
const dist = new URL("../dist/", import.meta.url);

const sizes = new Map(
  readdirSync(new URL("assets/", dist))
    .filter((name) => name.endsWith(".js"))
    .map((name) => [name, gzipSync(readFileSync(fileURLToPath(new URL(`assets/${name}`, dist)))).length]),
);
const page = readFileSync(new URL("index.html", dist), "utf8");
const first = [...sizes.keys()].filter((name) => page.includes(name));
const sum = first.reduce((total, name) => total + (sizes.get(name) ?? 0), 0);
const late = [...sizes].filter(([name]) => !first.includes(name)).sort((a, b) => b[1] - a[1]);
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

process.stdout.write(`first load ${kB(sum)} of ${kB(FIRST)} (${first.length} files)\n`);
for (const [name, size] of late.slice(0, 8)) process.stdout.write(`  ${kB(size).padStart(8)}  ${name}\n`);
const fat = late.filter(([, size]) => size > CHUNK);
for (const [name, size] of fat) process.stderr.write(`over ${kB(CHUNK)}: ${name} ${kB(size)}\n`);
if (sum > FIRST) process.stderr.write(`first load is over ${kB(FIRST)}\n`);
process.exit(sum > FIRST || fat.length > 0 ? 1 : 0);
