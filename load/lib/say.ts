/** One line to the person who runs this. k6 has a console; its types leave it out. */

declare const console: { warn(line: string): void };

export function say(line: string): void {
  console.warn(line);
}
