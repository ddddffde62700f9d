// Signing in by a passkey. The only script of our own pages; without it they work but for this button.
"use strict";

const place = document.getElementById("passkey");

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));

const toText = (buffer) =>
  buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

const post = async (path, body) => {
  const answer = await fetch(path, {
    method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
};

const signIn = async () => {
  const options = await post("/auth/passkey/options", {});
  options.challenge = toBytes(options.challenge);
  options.allowCredentials = [];
  const key = await navigator.credentials.get({ publicKey: options });
  const { clientDataJSON, authenticatorData, signature, userHandle } = key.response;
  const credential = {
    id: key.id, rawId: toText(key.rawId), type: key.type, clientExtensionResults: {},
    response: {
      clientDataJSON: toText(clientDataJSON), authenticatorData: toText(authenticatorData),
      signature: toText(signature), userHandle: toText(userHandle),
    },
  };
  return post("/auth/passkey", { credential, next: place.dataset.next });
};

const why = (error) => {
  if (error.name === "NotAllowedError") return "No passkey was used.";
  return error instanceof TypeError ? "Clearpost does not answer. Try again." : error.message;
};

if (place && window.PublicKeyCredential) {
  const [button, problem] = [place.querySelector("button"), place.querySelector("p")];
  place.hidden = false;
  button.addEventListener("click", async () => {
    problem.hidden = true;
    button.disabled = true;
    try {
      window.location.assign((await signIn()).next);
    } catch (error) {
      problem.textContent = why(error);
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
