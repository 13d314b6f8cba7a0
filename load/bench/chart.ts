/** Horizontal bars as SVG, readable on light and dark pages. */
export interface Bar {
  label: string;
  value: number;
  /** The value as it is written beside the bar. */
  told: string;
  /** Drawn in the colour of this server. */
  ours: boolean;
}

/** All in px. */
const WIDTH = 720;
const LABEL = 150;
const TOLD = 80;
const ROW = 22;
const HEAD = 30;

export function barChart(title: string, bars: readonly Bar[]): string {
  // Something to draw by, also when all are nothing.
  const most = Math.max(...bars.map(({ value }) => value), Number.EPSILON);
  const height = HEAD + bars.length * ROW + 8;
  const drawn = bars.map(({ label, value, told, ours }, index) => {
    const y = HEAD + index * ROW;
    const length = Math.round(((WIDTH - LABEL - TOLD) * Math.max(0, value)) / most);
    return [
      `<text x="${LABEL - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${LABEL}" y="${y + 3}" width="${length}" height="${ROW - 7}" rx="2" fill="${ours ? '#d9622b' : '#7d94a8'}"/>`,
      `<text x="${LABEL + length + 6}" y="${y + 14}">${escaped(told)}</text>`,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    '<style>text { font: 12px system-ui, sans-serif; fill: #333 } @media (prefers-color-scheme: dark) { text { fill: #ddd } }</style>',
    `<text x="0" y="16" style="font-weight: 600">${escaped(title)}</text>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
