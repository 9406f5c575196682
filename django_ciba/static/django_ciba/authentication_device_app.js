// What makes an app of the pages: the service worker, messages to this browser, the offer to install.
// The pages work without it. No text is made here; it comes with the page.
"use strict";
(() => {
  const { worker, push } = document.currentScript.dataset;
  const USED = "django_ciba used", DAY = 86400000, AGAIN = 10000;
  const install = document.getElementById("install");
  const messages = document.getElementById("messages");

  if (document.querySelector("[data-offline]")) {
    // The address is still that of the page which could not be had.
    const look = () => fetch(location.href, { method: "HEAD", redirect: "manual" })
      .then(() => location.reload(), () => {});
    window.addEventListener("online", look);
    setInterval(look, AGAIN);
  }

  window.addEventListener("beforeinstallprompt", (event) => {
    if (!install) return;
    event.preventDefault(); // no banner over a question: the offer stands at the end of the page
    install.hidden = false;
    install.querySelector("button").onclick = () => event.prompt();
  });
  window.addEventListener("appinstalled", () => install && (install.hidden = true));

  // What this page shows needs no notification any more; nor does what the inbox no longer holds.
  async function putAway(registration) {
    if (document.hidden || !registration.getNotifications) return;
    const whole = document.getElementById("cards");
    for (const notification of await registration.getNotifications()) {
      const { address } = notification.data || {};
      const id = /\/requests\/([0-9a-f-]{36})\/$/.exec(address || "")?.[1];
      const waits = whole && id && document.getElementById(`request-${id}`);
      if (address === location.href.split("#")[0] || (whole && !waits)) notification.close();
    }
  }

  // --- messages to this browser ----------------------------------------------------------------

  async function call(method, address, body) {
    const { csrf } = await (await reach(push, {})).json();
    const headers = { "Content-Type": "application/json", [csrf.header]: csrf.token };
    return reach(address, { method, headers, body: JSON.stringify(body) });
  }

  async function reach(address, options) {
    const answer = await fetch(address, { cache: "no-store", redirect: "error", ...options });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer;
  }

  // Once a day, and where it matters, a browser that gets messages says that it is in use.
  async function used(registration) {
    if (!messages && Number(localStorage.getItem(USED)) > Date.now() - DAY) return "";
    const subscription = await registration.pushManager?.getSubscription();
    if (!subscription) return "";
    try {
      const answer = await call("POST", `${push}used/`, { subscription });
      localStorage.setItem(USED, Date.now());
      return (await answer.json()).device;
    } catch {
      return ""; // not one of this user's, or no connection
    }
  }

  function when(...states) {
    for (const each of messages.querySelectorAll("[data-when]")) {
      each.hidden = !states.includes(each.dataset.when);
    }
    messages.hidden = false;
  }

  function offer(registration) {
    if (!registration.pushManager || !window.Notification) {
      // iOS has both in an app on the home screen alone
      return when(...(navigator.standalone === false ? ["home-screen"] : []));
    }
    when(Notification.permission === "denied" ? "blocked" : "off");
  }

  async function subscribe(registration) {
    if (await Notification.requestPermission() !== "granted") return offer(registration);
    const key = messages.dataset.publicKey;
    const options = { userVisibleOnly: true, applicationServerKey: key };
    const old = await registration.pushManager.getSubscription();
    if (old && !sameKey(old.options.applicationServerKey, key)) await old.unsubscribe();
    const subscription = await registration.pushManager.subscribe(options);
    await call("POST", push, { subscription });
    location.reload(); // the list has it now
  }

  async function unsubscribe(registration) {
    const subscription = await registration.pushManager.getSubscription();
    if (subscription) {
      await call("DELETE", push, { subscription });
      await subscription.unsubscribe();
    }
    location.reload();
  }

  function sameKey(buffer, key) {
    const octets = String.fromCharCode(...new Uint8Array(buffer || []));
    return btoa(octets).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
  }

  function onPress(id, act, registration, otherwise) {
    const button = document.getElementById(id);
    button.addEventListener("click", async () => {
      button.disabled = true;
      await act(registration).catch(() => when("failed", otherwise));
      button.disabled = false;
    });
  }

  async function devicesPage(registration, device) {
    onPress("subscribe", subscribe, registration, "off");
    onPress("unsubscribe", unsubscribe, registration, "on");
    const own = device && document.querySelector(`[data-device="${device}"]`);
    if (!own) return offer(registration);
    own.querySelector(".this").hidden = false;
    when("on");
  }

  if (!navigator.serviceWorker) return; // not on https, or not wanted: the pages are as good
  navigator.serviceWorker.register(worker, { updateViaCache: "none" }).then(async () => {
    const registration = await navigator.serviceWorker.ready;
    putAway(registration);
    document.addEventListener("visibilitychange", () => putAway(registration));
    const device = await used(registration);
    if (messages) devicesPage(registration, device);
  }).catch(() => {});
})();
