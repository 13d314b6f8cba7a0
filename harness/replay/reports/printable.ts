/** What a server sends may hold control characters: a terminal or a page must show them, and never obey them. */

// Tab and newline are no danger; half surrogates are no text.
const CONTROL = /(?![\t\n])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\uFEFF]/gu;

/** The text with every control character but tab and newline as `\u001b`. */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, escaped);
}

/** The same on one line. */
export function oneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
