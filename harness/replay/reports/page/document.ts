/** One HTML file that needs nothing else: no network, no other file. */

import { createHash } from 'node:crypto';
import { badge, MEANINGS, SHOWN, type Shown } from './badge.ts';
import { html, Markup } from './markup.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';
import { MARK_SYMBOLS } from './timeline.ts';

// Should a text ever get out of its place, it is still no script: only this one may run, and nothing may be fetched.
const POLICY = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${createHash('sha256').update(SCRIPT).digest('base64')}'; base-uri 'none'; form-action 'none'`;

/** @param counts how many runs had each verdict, for the filter; what was not checked had none, so its count is not shown */
export function documentOf(parts: {
  title: string;
  header: Markup;
  counts: ReadonlyMap<Shown, number>;
  main: Markup;
  footer: string;
}): string {
  const shown = SHOWN.filter((verdict) => (parts.counts.get(verdict) ?? 0) > 0);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${parts.title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<a class="jump" href="#main">Skip to the findings</a>
${MARK_SYMBOLS}
<header>
<p class="brand"><svg aria-hidden="true" viewBox="0 0 16 16"><path d="M8 1.5a6.5 6.5 0 1 0 6.3 8.1l-1.9-.5A4.5 4.5 0 1 1 8 3.5c1.2 0 2.3.5 3.1 1.3L9.3 6.5H15V.8l-2.5 2.5A6.5 6.5 0 0 0 8 1.5z"/></svg>mcp-replay</p>
${parts.header}
</header>
<nav class="tools" aria-label="What is shown"><form><fieldset><legend class="vh">Verdicts that are shown</legend>${shown.map(
    (verdict) =>
      html`<label><input type="checkbox" id="f-${verdict}" checked>${badge(verdict, verdict === 'unseen' ? undefined : parts.counts.get(verdict))}</label>`,
  )}</fieldset></form></nav>
<main id="main">
${parts.main}
</main>
<footer><p>${parts.footer}</p><ul>${shown.map((verdict) => html`<li>${badge(verdict)} ${MEANINGS[verdict]}</li>`)}</ul></footer>
<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`.text;
}
