/** Which resource updates a subscriber hears (server/resources, Subscriptions). */

/** True when `uri` is watched, or is a sub-resource of a watched one. */
export function watches(watched: ReadonlySet<string>, uri: string): boolean {
  if (watched.size === 0) return false;
  if (watched.has(uri)) return true;
  for (let at = uri.indexOf('/'); at >= 0; at = uri.indexOf('/', at + 1)) {
    if (watched.has(uri.slice(0, at)) || watched.has(uri.slice(0, at + 1))) return true;
  }
  return false;
}
