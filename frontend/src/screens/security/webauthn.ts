// Passkeys in the words of the browser: JSON of the API in, JSON for the API out (WebAuthn Level 3, section 5.1).

export type Options = Record<string, unknown>;

/** False in a browser that is too old, and on plain http but for localhost. */
export function canAddPasskeys(): boolean {
  return typeof window.PublicKeyCredential?.parseCreationOptionsFromJSON === "function";
}

/** Null where the person turned away. Throws DOMException: InvalidStateError for a key that is known. */
export async function makePasskey(options: Options): Promise<Record<string, unknown> | null> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  try {
    const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null;
    return made === null ? null : (made.toJSON() as Record<string, unknown>);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") return null;
    throw error;
  }
}

/** Signing in. Null where the person turned away, or has no passkey here. */
export async function askPasskey(options: Options): Promise<Record<string, unknown> | null> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options as unknown as PublicKeyCredentialRequestOptionsJSON,
  );
  try {
    const used = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
    return used === null ? null : (used.toJSON() as Record<string, unknown>);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") return null;
    throw error;
  }
}
