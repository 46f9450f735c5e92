// Where things are, from the addresses that the server gave.

export function urlsFrom({ deployment, log, room }) {
  return {
    room: (slug, q) => room.replace("SLUG", encodeURIComponent(slug)) + (q ? `#e${q}` : ""),
    deploymentPage: (id) => deployment.replace("/0/", `/${id}/`),
    logPage: (id, key) => log.replace("/0/", `/${id}/`).replace("STEP", encodeURIComponent(key).replaceAll("%3A", ":")),
  }
}
