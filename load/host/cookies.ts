// The cookies of one VU. k6 keeps them by itself and forgets them when an iteration ends, and a load balancer may hold a session
// to its node by one: without them a load test would see another deployment than a browser-like client does.

type Cookie = {
  name: string;
  value: string;
  domain: string;
  hostOnly: boolean;
  path: string;
  secure: boolean;
  until: number;
};

/** A jar in the sense of RFC 6265, without the list of public suffixes. */
export class CookieJar {
  #cookies: Cookie[] = [];

  clear(): void {
    this.#cookies = [];
  }

  /** Takes the `Set-Cookie` headers of a response from `url`. */
  store(url: URL, headers: readonly string[]): void {
    for (const header of headers) {
      const cookie = read(header, url);
      if (cookie === undefined) continue;
      this.#cookies = this.#cookies.filter(
        ({ name, domain, path }) => name !== cookie.name || domain !== cookie.domain || path !== cookie.path,
      );
      if (cookie.until > Date.now()) this.#cookies.push(cookie);
    }
  }

  /** The `Cookie` header for a request to `url`; undefined when none fits. */
  header(url: URL): string | undefined {
    if (this.#cookies.length === 0) return undefined;
    const fitting = this.#cookies.filter(
      ({ domain, hostOnly, path, secure, until }) =>
        (url.hostname === domain || (!hostOnly && url.hostname.endsWith(`.${domain}`))) &&
        within(url.pathname, path) &&
        (!secure || url.protocol === 'https:') &&
        until > Date.now(),
    );
    // Longer paths first, as the RFC asks.
    fitting.sort((a, b) => b.path.length - a.path.length);
    return fitting.length === 0 ? undefined : fitting.map(({ name, value }) => `${name}=${value}`).join('; ');
  }
}

const within = (path: string, prefix: string): boolean =>
  path === prefix || (path.startsWith(prefix) && (prefix.endsWith('/') || path[prefix.length] === '/'));

function read(header: string, url: URL): Cookie | undefined {
  const [pair = '', ...attributes] = header.split(';');
  const equals = pair.indexOf('=');
  if (equals < 1) return undefined;
  const cookie: Cookie = {
    name: pair.slice(0, equals).trim(),
    value: pair.slice(equals + 1).trim(),
    domain: url.hostname,
    hostOnly: true,
    path: url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/'))),
    secure: false,
    until: Number.POSITIVE_INFINITY,
  };
  let lasting: number | undefined;
  for (const attribute of attributes) {
    const [name = '', ...rest] = attribute.split('=');
    const value = rest.join('=').trim();
    const key = name.trim().toLowerCase();
    if (key === 'path' && value.startsWith('/')) cookie.path = value;
    else if (key === 'secure') cookie.secure = true;
    else if (key === 'max-age' && /^-?\d+$/.test(value)) lasting = Date.now() + Number(value) * 1000;
    else if (key === 'expires' && !Number.isNaN(Date.parse(value))) cookie.until = Date.parse(value);
    else if (key === 'domain' && value !== '') {
      const domain = value.replace(/^\./, '').toLowerCase();
      if (url.hostname !== domain && !url.hostname.endsWith(`.${domain}`)) return undefined;
      cookie.domain = domain;
      cookie.hostOnly = false;
    }
  }
  if (lasting !== undefined) cookie.until = lasting;
  return cookie;
}
