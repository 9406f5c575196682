// Asks the passkey before a form is sent: to sign for one prompt, or to be made. What it is asked
// comes from the server, and so does every text. Without it, the pages say what to do.
"use strict";
(() => {
  const toBytes = (text) => Uint8Array.from(
    atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (all) => (all ?? []).map((each) => ({ ...each, id: toBytes(each.id) }));

  async function options(form, address) {
    const answer = await fetch(address, {
      method: "POST",
      body: new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value }),
      redirect: "error",
      signal: AbortSignal.timeout?.(10000),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  async function signed(form) {
    const { challenge, publicKey } = await options(form, form.dataset.passkey);
    const made = await navigator.credentials.get({ publicKey: {
      ...publicKey,
      challenge: toBytes(publicKey.challenge),
      allowCredentials: named(publicKey.allowCredentials),
    } });
    const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
    return { challenge, passkey: JSON.stringify({
      id: made.id, rawId: toText(made.rawId), type: made.type,
      response: {
        authenticatorData: toText(authenticatorData),
        clientDataJSON: toText(clientDataJSON),
        signature: toText(signature),
        userHandle: userHandle ? toText(userHandle) : null,
      },
    }) };
  }

  async function made(form) {
    const { challenge, publicKey } = await options(form, form.dataset.newPasskey);
    const fresh = await navigator.credentials.create({ publicKey: {
      ...publicKey,
      challenge: toBytes(publicKey.challenge),
      user: { ...publicKey.user, id: toBytes(publicKey.user.id) },
      excludeCredentials: named(publicKey.excludeCredentials),
    } });
    const { attestationObject, clientDataJSON } = fresh.response;
    return { challenge, credential: JSON.stringify({
      id: fresh.id, rawId: toText(fresh.rawId), type: fresh.type,
      response: {
        attestationObject: toText(attestationObject),
        clientDataJSON: toText(clientDataJSON),
        transports: fresh.response.getTransports?.() ?? [],
      },
    }) };
  }

  function say(form, what) {
    const place = form.querySelector(".passkey-problem");
    place.textContent = what ? place.dataset[what] : "";
    place.hidden = !what;
  }

  // On the document and before others: cards come and go, and a form that waits is not yet sent.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const ceremony = form.dataset.passkey ? signed : form.dataset.newPasskey ? made : null;
    if (!ceremony) return;
    event.preventDefault();
    event.stopPropagation();
    if (form.dataset.asking) return;
    if (!window.PublicKeyCredential) return say(form, "unsupported");
    form.dataset.asking = "yes";
    say(form, "");
    try {
      for (const [name, value] of Object.entries(await ceremony(form))) {
        const field = form.elements.namedItem(name) ?? document.createElement("input");
        Object.assign(field, { type: "hidden", name, value });
        form.append(field);
      }
      form.submit();
    } catch (fault) {
      say(form, ["NotAllowedError", "AbortError", "InvalidStateError"].includes(fault.name)
        ? "cancelled" : "failed");
    }
    delete form.dataset.asking;
  }, true);
})();
