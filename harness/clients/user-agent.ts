import { USER_HEADER } from './authorization-server.ts';

/** More redirects than a sign-in has. */
const MOST_REDIRECTS = 10;

/** A browser, as far as a sign-in needs one: it follows redirects and keeps cookies. One user sits before it. */
export class UserAgent {
  readonly #user: string;
  readonly #cookies = new Map<string, string>();

  constructor(user: string) {
    this.#user = user;
  }

  /**
   * Opens an authorization request and goes where it leads.
   * @returns the URL by which it comes back to the client, which is not opened
   * @throws Error with the page where it got stuck
   */
  async authorize(url: URL): Promise<URL> {
    const back = url.searchParams.get('redirect_uri') ?? '';
    let at = url;
    for (let redirects = 0; redirects < MOST_REDIRECTS; redirects++) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(at, { redirect: 'manual', headers: { cookie, [USER_HEADER]: this.#user } });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const page = await response.text();
      const location = response.headers.get('location');
      if (location === null) throw new Error(`${at} answered ${response.status}: ${page}`);
      at = new URL(location, at);
      if (at.href.startsWith(back)) return at;
    }
    throw new Error(`after ${MOST_REDIRECTS} redirects it is still at ${at}`);
  }

  /** All cookies are of one server, and none has a path that another's name would fit. */
  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === '') this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
