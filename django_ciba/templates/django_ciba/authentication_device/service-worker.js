// Answers without a connection, and shows what the push service brings. It keeps the offline page and
// the static files, and no page of anybody's. No text is made here: it comes with KNOWN, or from the
// site, which tells it to whoever is signed in.
const CACHE = `django_ciba ${KNOWN.version}`;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ROOT = self.registration.scope;
const FILES = new Set(KNOWN.files.map((file) => new URL(file, ROOT).href));

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(forgetOlder().then(() => self.clients.claim())));

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.add(new Request(KNOWN.offline, { cache: "reload" }));
  // A static file that is missing must not keep messages from coming.
  await Promise.allSettled([...FILES].map(async (file) => {
    const answer = await fetch(file, { mode: "no-cors" });
    if (answer.ok || answer.type === "opaque") await cache.put(file, answer);
  }));
}

async function forgetOlder() {
  const ours = (await caches.keys()).filter((name) => name.startsWith("django_ciba "));
  await Promise.all(ours.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
}

// A form goes past us: what a user answers is between their browser and the site.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(online(request, KNOWN.offline));
  else if (FILES.has(request.url)) event.respondWith(online(request, request.url));
});

async function online(request, kept) {
  try {
    return await fetch(request);
  } catch (fault) {
    const found = await (await caches.open(CACHE)).match(kept, { ignoreVary: true });
    if (found) return found;
    throw fault;
  }
}

// --- messages ----------------------------------------------------------------------------------

self.addEventListener("push", (event) => event.waitUntil(tell(named(event.data))));

// The message holds the opaque name of a request, and whatever else it holds is not read.
function named(data) {
  try {
    const id = String(data.json().id).toLowerCase();
    return ID.test(id) ? id : "";
  } catch {
    return "";
  }
}

// Browsers take the permission from a site that stays silent, so something is always shown.
async function tell(id) {
  const { title, body, waiting } = (id && await asked(id)) || { ...KNOWN, waiting: true };
  await self.registration.showNotification(title, {
    body,
    tag: id || "django_ciba", // takes the place of what was shown of the same request
    renotify: waiting,
    silent: !waiting,
    icon: KNOWN.icon,
    badge: KNOWN.icon,
    lang: KNOWN.language,
    dir: "auto",
    data: { address: new URL(id ? `requests/${id}/` : "", ROOT).href },
  });
}

async function asked(id) {
  try {
    const options = { cache: "no-store", redirect: "error", signal: AbortSignal.timeout?.(8000) };
    const answer = await fetch(new URL(`requests/${id}/notification.json`, ROOT), options);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // no connection
  }
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data.address));
});

async function show(address) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const open = windows.find((each) => each.url.split("#")[0] === address);
  return open ? open.focus() : self.clients.openWindow(address);
}

// The push service has given this browser another address.
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event)));

async function subscribeAgain({ oldSubscription, newSubscription }) {
  const answer = await fetch(KNOWN.push, { cache: "no-store", redirect: "error" });
  if (!answer.ok) return; // signed out: the devices page offers it again
  const { public_key: key, csrf } = await answer.json();
  if (!key) return;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const subscription = newSubscription || await self.registration.pushManager.subscribe(options);
  await fetch(KNOWN.push, {
    method: "POST",
    headers: { "Content-Type": "application/json", [csrf.header]: csrf.token },
    body: JSON.stringify({ subscription, replaces: oldSubscription || undefined }),
  });
}
