// What people paste where a domain is asked for: an address of the web, of mail, or the name itself.
// Must never judge whether the name may be claimed: the API does, in words of its own.

export interface ReadName {
  name: string;
  /** What stands there is more than the name, so the person is told what is taken of it. */
  isTaken: boolean;
}

/** "https://www.shop.example/x" and "me@shop.example" are shop.example. */
export function readDomainName(pasted: string): ReadName {
  const typed = pasted.trim().toLowerCase();
  const name = typed
    .replace(/^[<"'(\s]+|[>"')\s.,;]+$/g, "")
    .replace(/^(mailto:|([a-z][a-z\d+.-]*:)?\/\/)/, "")
    .replace(/[/?#].*$/s, "")
    .replace(/^.*@/s, "")
    .replace(/:\d*$/, "")
    .replace(/\.$/, "")
    .replace(/^www\.(?=[^.]+\.)/, "");
  return { name, isTaken: name !== "" && name !== typed };
}

/** The name of a record as many providers want it: without the domain, `@` for the domain itself. */
export function shortRecordName(name: string, domain: string): string {
  return name === domain ? "@" : name.slice(0, -domain.length - 1);
}
