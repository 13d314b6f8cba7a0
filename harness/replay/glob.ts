/** Scenarios are chosen by their ids, as in `session.*,stream.resume`. */

/** @param text patterns apart by commas; `*` is any text */
export function globOf(text: string): RegExp {
  const parts = text.split(',').map((part) =>
    part
      .trim()
      .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*'),
  );
  return new RegExp(`^(?:${parts.join('|')})$`);
}
