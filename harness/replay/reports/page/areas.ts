/** The areas of the protocol, by the beginning of the ids of their rules. */

const AREAS: readonly (readonly [begin: string, title: string])[] = [
  ['B', 'Messages'],
  ['ERA', 'Two eras on one endpoint'],
  ['H-2025', 'POST'],
  ['S-2025', 'Sessions and the version header'],
  ['G-2025', 'GET'],
  ['SSE-2025', 'Event streams and resumption'],
  ['L-2025', 'Lifecycle'],
  ['U-2025', 'Ping, progress, cancellation, logging, completion, pagination'],
  ['T-2025', 'Tools'],
  ['R-2025', 'Resources'],
  ['P-2025', 'Prompts'],
  ['C-2025', 'Questions to the client'],
  ['K-2025', 'Tasks'],
  ['O', 'Older revisions'],
  ['M-2026', 'Metadata of each request'],
  ['D-2026', 'Discovery and versions'],
  ['H-2026', 'HTTP'],
  ['X-2026', 'Headers from parameters of tools'],
  ['E-2026', 'Error codes'],
  ['SUB-2026', 'Subscriptions'],
  ['MR-2026', 'Multi round-trip requests'],
  ['CA-2026', 'Caching'],
  ['U-2026', 'Progress, cancellation, logging, completion, pagination'],
  ['F-2026', 'Tools, resources, prompts'],
  ['C-2026', 'Questions to the client'],
  ['K-2026', 'Tasks'],
  ['A', 'Authorization'],
  ['SEC', 'Security'],
];

/** The area of a rule, and its place among them; a rule of no known area is in that of its page. */
export function areaOf({ id, where }: { id: string; where: string }): { key: string; title: string; place: number } {
  const key = id.replace(/-\d+[a-z]?(?:\.\d+)?$/, '');
  const place = AREAS.findIndex(([begin]) => begin === key);
  const [, title] = AREAS[place] ?? [];
  if (title !== undefined) return { key, title, place };
  const page = where.replace(/#.*/, '');
  return { key: page, title: page, place: AREAS.length };
}
