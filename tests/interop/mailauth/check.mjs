// What mailauth finds out about one message, and the seal it adds if it is given a key. Asked and answered in JSON.
// DNS is what `records` holds, TXT by name: a name that is not in it does not exist.

import { authenticate } from "mailauth";

const asked = JSON.parse(await new Response(process.stdin).text());

async function resolver(name, type) {
  const found = type === "TXT" ? asked.records[name.toLowerCase()] : undefined;
  if (found === undefined) {
    throw Object.assign(new Error(`no ${type} of this name`), { code: "ENOTFOUND" });
  }
  return [[found]];
}

const found = await authenticate(Buffer.from(asked.message, "base64"), {
  ip: "192.0.2.1",
  helo: "mx.clearpost.test",
  mta: "sink.test",
  sender: asked.sender,
  seal: asked.seal,
  disableBimi: true,
  resolver,
});

const answer = {
  dkim: found.dkim.results.map((each) => [each.signingDomain, each.status.result]),
  arc: found.arc.status.result,
  sets: found.arc.i ?? 0,
  dmarc: found.dmarc ? found.dmarc.status.result : "",
  headers: found.headers,
};
process.stdout.write(JSON.stringify(answer));
