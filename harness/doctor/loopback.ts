/** Which names and addresses mean this machine alone. */

/** @param host as a URL or a knob has it: `localhost`, `127.0.0.1`, `[::1]`, `::1`, with or without a port */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\]|::1)(:\d*)?$/i.test(host) && !/^::1:/.test(host);
}
