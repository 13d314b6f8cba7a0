/** Sealing of what travels through clients: HMAC-SHA-256 for session ids, AES-256-GCM for request state. */

const encoder = new TextEncoder();

export interface Seal {
  /** The MAC of a text, base64url. */
  sign(text: string): Promise<string>;
  verify(text: string, mac: string): Promise<boolean>;
  /** Encrypts a JSON value, bound to `context`. */
  close(value: unknown, context: string): Promise<string>;
  /** @returns the value, or undefined when it was not closed here, was changed, or belongs to another context */
  open(sealed: string, context: string): Promise<unknown>;
}

/** @param secret shared by all nodes; random when empty. Keys are derived at first use: Workers allow no crypto before a request. */
export function seal(secret: string): Seal {
  // Kept as values, not as a promise: on Workers a promise of a request that ended can never be awaited by another.
  let seed: Uint8Array<ArrayBuffer> | undefined;
  let keys: Keys | undefined;
  const ready = async (): Promise<Keys> => {
    if (keys) return keys;
    seed ??= secret === '' ? crypto.getRandomValues(new Uint8Array(32)) : encoder.encode(secret);
    keys = await derive(seed);
    return keys;
  };
  return {
    async sign(text) {
      const { mac } = await ready();
      return toBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', mac, encoder.encode(text))));
    },
    async verify(text, mac) {
      const bytes = fromBase64Url(mac);
      // Comparing re-encoded refuses the other spellings of the same bytes (spare bits of the last character).
      if (!bytes || toBase64Url(bytes) !== mac) return false;
      return crypto.subtle.verify('HMAC', (await ready()).mac, bytes, encoder.encode(text));
    },
    async close(value, context) {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const parameters = { name: 'AES-GCM', iv, additionalData: encoder.encode(context) };
      const box = new Uint8Array(
        await crypto.subtle.encrypt(parameters, (await ready()).box, encoder.encode(JSON.stringify(value))),
      );
      const whole = new Uint8Array(iv.length + box.length);
      whole.set(iv);
      whole.set(box, iv.length);
      return toBase64Url(whole);
    },
    async open(sealed, context) {
      const whole = fromBase64Url(sealed);
      if (!whole || whole.length < 29 || toBase64Url(whole) !== sealed) return undefined;
      const parameters = { name: 'AES-GCM', iv: whole.slice(0, 12), additionalData: encoder.encode(context) };
      try {
        const text = await crypto.subtle.decrypt(parameters, (await ready()).box, whole.slice(12));
        return JSON.parse(new TextDecoder().decode(text));
      } catch {
        return undefined;
      }
    },
  };
}

interface Keys {
  mac: CryptoKey;
  box: CryptoKey;
}

async function derive(seed: Uint8Array<ArrayBuffer>): Promise<Keys> {
  const root = await crypto.subtle.importKey('raw', seed, 'HKDF', false, ['deriveKey']);
  const hkdf = (info: string) => ({
    name: 'HKDF',
    hash: 'SHA-256',
    salt: new Uint8Array(),
    info: encoder.encode(info),
  });
  const [mac, box] = await Promise.all([
    crypto.subtle.deriveKey(hkdf('mcp session id'), root, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, [
      'sign',
      'verify',
    ]),
    crypto.subtle.deriveKey(hkdf('mcp request state'), root, { name: 'AES-GCM', length: 256 }, false, [
      'encrypt',
      'decrypt',
    ]),
  ]);
  return { mac, box };
}

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
      character.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}

/** SHA-256 of a text, base64url. */
export async function digest(text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))));
}
