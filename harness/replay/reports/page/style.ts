/** The look of the pages: the reader's own font, one accent, the colours of verdicts; light and dark, narrow and printed. */

import { SHOWN } from './badge.ts';

const LIGHT = `
--page:#fff;--raised:#f6f7f9;--sunk:#eef0f3;--line:#dde1e7;--ink:#171b22;--soft:#566070;--accent:#1d5bbf;--wash:#e9f0fb;
--error:#8a1c6b;--fail:#b3221b;--inconclusive:#7a5200;--warn:#8a5300;--note:#2b5f75;--untestable:#566070;--skip:#566070;--unseen:#566070;--pass:#1a6b3c;
--error-wash:#fbeaf5;--fail-wash:#fdeceb;--inconclusive-wash:#faf1de;--warn-wash:#fcf1df;--note-wash:#e6f1f5;--untestable-wash:#eef0f3;--skip-wash:#eef0f3;--unseen-wash:#eef0f3;--pass-wash:#e6f4eb;`;
const DARK = `
--page:#12151a;--raised:#191d24;--sunk:#0d0f13;--line:#2c323c;--ink:#e7eaef;--soft:#9ba5b4;--accent:#8db6ff;--wash:#1b2740;
--error:#f29bd8;--fail:#ff938b;--inconclusive:#e8c273;--warn:#f0bd6a;--note:#86c5de;--untestable:#9ba5b4;--skip:#9ba5b4;--unseen:#9ba5b4;--pass:#7fd09c;
--error-wash:#3a1a31;--fail-wash:#3c1b1a;--inconclusive-wash:#362b14;--warn-wash:#382a14;--note-wash:#162d36;--untestable-wash:#232932;--skip-wash:#232932;--unseen-wash:#232932;--pass-wash:#15301f;`;

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
html{scroll-padding-top:4.5rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
h1,h2,h3,p,ul,dl,dd,pre,figure{margin:0;padding:0}
a{color:var(--accent);text-underline-offset:2px}
a:hover{text-decoration-thickness:2px}
code,pre{font-family:var(--mono);font-size:.87em}
pre,code,.why,.whys,.words{overflow-wrap:anywhere;unicode-bidi:isolate}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
summary{cursor:pointer}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.jump{position:absolute;left:-999px}
.jump:focus{left:16px;top:12px;z-index:3;background:var(--page);padding:6px 12px}
.quiet,.meta,.count,.where{color:var(--soft)}
.count{font-weight:400;font-size:.8em}

header{padding-top:40px;padding-bottom:20px}
.brand{display:flex;gap:10px;align-items:center;color:var(--soft);font-size:13px;letter-spacing:.01em}
.brand svg{width:18px;height:18px;fill:var(--accent)}
h1{font-size:28px;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:10px 0 6px;overflow-wrap:anywhere}
.headline{font-size:18px;font-weight:550}
.headline.v-pass{color:var(--pass)}.headline.v-fail,.headline.v-error{color:var(--fail)}.headline.v-warn,.headline.v-inconclusive{color:var(--warn)}
.facts{display:flex;flex-wrap:wrap;gap:8px 32px;margin:20px 0 18px}
.facts div{min-width:0}
.facts dt{color:var(--soft);font-size:12.5px}
.facts dd{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.bar{display:flex;gap:2px;height:8px;border-radius:4px;overflow:hidden;background:var(--sunk)}
.bar i{min-width:3px;background:currentColor}

.tools{position:sticky;top:0;z-index:2;background:var(--page);border-bottom:1px solid var(--line)}
.tools form{max-width:1120px;margin:0 auto;padding:10px 24px;display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center}
.tools fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:6px;min-width:0}
.tools label{position:relative;cursor:pointer;border-radius:999px}
.tools input[type=checkbox]{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.tools label:has(input:not(:checked)) .badge{background:none;color:var(--soft);box-shadow:inset 0 0 0 1px var(--line);text-decoration:line-through}
.tools label:has(:focus-visible){outline:2px solid var(--accent);outline-offset:2px}
.tools .badge{padding:3px 10px}
.tools input[type=search]{font:inherit;font-size:14px;color:inherit;background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:4px 10px;width:15rem;margin-left:auto}
.tools button{font:inherit;font-size:14px;color:var(--accent);background:none;border:1px solid var(--line);border-radius:6px;padding:4px 10px;cursor:pointer}
.tools button:hover{background:var(--wash)}

.badge{display:inline-flex;gap:5px;align-items:baseline;border-radius:999px;padding:1px 9px;font-size:12.5px;font-weight:600;line-height:1.5;white-space:nowrap;color:var(--v);background:var(--v-wash)}
.badge b{font-weight:600;font-variant-numeric:tabular-nums}
.sign{font-family:var(--mono);font-size:11px}
${SHOWN.map((one) => `.v-${one}{--v:var(--${one});--v-wash:var(--${one}-wash)}`).join('')}
.bar i{color:var(--v)}
.bar i.v-pass,.bar i.v-skip,.bar i.v-untestable,.bar i.v-unseen{opacity:.55}
.bar i.v-skip,.bar i.v-untestable,.bar i.v-unseen{opacity:.3}

section{padding-top:36px}
h2{font-size:20px;font-weight:650;letter-spacing:-.01em;margin-bottom:14px}
h3{font-size:15px;font-weight:600;display:inline}
.card,.group{border:1px solid var(--line);border-radius:8px;margin-bottom:10px;background:var(--page)}
.card{border-left:3px solid var(--v)}
.card>summary,.group>summary,.run>summary{list-style:none}
.card>summary::-webkit-details-marker,.group>summary::-webkit-details-marker,.run>summary::-webkit-details-marker{display:none}
.card>summary{display:grid;gap:4px;padding:12px 40px 12px 16px;position:relative}
.card>summary::after,.group>summary::after{content:"";position:absolute;right:18px;top:19px;width:7px;height:7px;border-right:2px solid var(--soft);border-bottom:2px solid var(--soft);rotate:45deg}
.card[open]>summary::after,.group[open]>summary::after{rotate:-135deg;top:22px}
.card>summary:hover,.group>summary:hover{background:var(--raised);border-radius:7px}
.card .line{display:flex;flex-wrap:wrap;gap:2px 10px;align-items:baseline}
.card .id{font-weight:600;font-size:14px}
.card .meta{font-size:13px}
.card .why{display:grid;gap:2px;font-size:14px}
.card .why span{display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
.card[open]>summary .why span{display:block}
.run{border-top:1px solid var(--line);padding:0 16px}
.run>summary{position:relative;padding:9px 0 9px 17px;display:flex;flex-wrap:wrap;gap:0 10px;align-items:baseline;font-size:14px}
.run>summary::before{content:"";position:absolute;left:1px;top:17px;width:6px;height:6px;border-right:2px solid var(--soft);border-bottom:2px solid var(--soft);rotate:-45deg}
.run[open]>summary::before{rotate:45deg}
.run>summary b{font-weight:550}
.run[open]{padding-bottom:16px}
.run .meta{font-size:13px;margin-left:auto;font-variant-numeric:tabular-nums}
.whys{list-style:none;display:grid;gap:2px;font-size:14px}
.whys li{padding-left:14px;position:relative}
.whys li::before{content:"";position:absolute;left:2px;top:.62em;width:5px;height:5px;border-radius:50%;background:var(--soft)}
.elsewhere{border-top:1px solid var(--line);padding:9px 16px;font-size:14px}
.rest>summary{border-top:1px solid var(--line);padding:9px 16px}
.elsewhere ul{list-style:none;padding:6px 0 0}
:target{scroll-margin-top:4.5rem}
.card:target,.run:target>summary,.reason:target{box-shadow:0 0 0 2px var(--accent);border-radius:6px}
tr:target>*{background:var(--wash)}

.group>summary{display:grid;grid-template-columns:minmax(0,1fr) auto 120px;gap:4px 20px;align-items:center;padding:10px 44px 10px 16px;position:relative}
.group .tally{color:var(--soft);font-size:13px;text-align:right}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;font-weight:inherit}
.rows{border-top:1px solid var(--line)}
.rows thead th{font-size:12.5px;color:var(--soft);padding:6px 16px}
.rows tbody td,.rows tbody th{border-top:1px solid var(--line);padding:9px 16px;vertical-align:top}
.rows td:first-child{width:1%;white-space:nowrap}
.rows .rule{display:flex;flex-wrap:wrap;gap:0 10px;align-items:baseline;font-size:13px}
.rows .words{display:block}
.rules td:last-child{width:46%}
.level{font-size:12px;font-weight:600;letter-spacing:.02em}
.where{font-size:12.5px;overflow-wrap:anywhere}
.checks{list-style:none;display:grid;gap:6px}
.checks .badge{padding:0 7px;font-size:12px}
.checks code{font-size:12.5px}
.checks .whys{margin:2px 0 0 2px;font-size:13px}
.more>summary{color:var(--soft);font-size:13px}
.more>summary:hover{color:var(--ink)}
.more ul:not(.checks){padding-left:1.2em}
.more>.checks{margin-top:6px}
.checks+.more{margin-top:6px}
#not-tested .scroll{border:1px solid var(--line);border-radius:8px}
#not-tested .rows{border-top:0}
.scroll{overflow-x:auto}

.timeline{margin-top:12px;border:1px solid var(--line);border-radius:6px;overflow:hidden}
.overview{background:var(--raised);padding:10px 14px 6px;border-bottom:1px solid var(--line);font-size:12.5px}
.lane{display:grid;grid-template-columns:210px minmax(0,1fr) 64px;gap:12px;align-items:center;height:20px}
.lane .name{white-space:nowrap;overflow:hidden;text-overflow:ellipsis;color:var(--soft)}
.lane .name b{display:inline-block;min-width:1.4em;font-weight:600;color:var(--ink)}
.lane .status{color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}
.track{position:relative;height:100%;border-left:1px solid var(--line);border-right:1px solid var(--line);margin:0 6px}
.track i{position:absolute;top:50%}
.track .waits{height:0;border-top:2px dotted var(--soft);margin-top:-1px}
.track .streams{height:4px;margin-top:-2px;background:var(--accent);opacity:.35;border-radius:2px}
.track .mark{position:absolute;top:50%;margin:-6.5px 0 0 -6.5px;width:13px;height:13px}
.axis{height:18px;font-size:11.5px;color:var(--soft)}
.axis .track{border:0}
.axis span span{position:absolute;translate:-50% 0;white-space:nowrap;font-variant-numeric:tabular-nums}
.axis span span:first-child{translate:0 0}
.dense .lane:not(.axis){height:11px;font-size:9.5px}
.dense .mark{width:9px;height:9px;margin:-4.5px 0 0 -4.5px}
.mark{fill:var(--accent);overflow:visible}
.mark .hollow{fill:var(--page);stroke:currentColor;stroke-width:1.8}
.m-comment .mark,.mark.m-comment{color:var(--accent)}
.mark.m-request{fill:var(--ink)}
.mark.m-end{fill:var(--soft)}
.mark.m-cut{fill:var(--fail)}
.frames{overflow-x:auto}
.frames thead th{font-size:12px;color:var(--soft);padding:6px 8px 2px}
.frames td,.frames th{padding:5px 8px;vertical-align:top}
.frames .ms{width:1%;text-align:right;padding-left:14px;white-space:nowrap;color:var(--soft);font-variant-numeric:tabular-nums;font-size:13px;line-height:21px}
.frames .no{width:1%;text-align:right;color:var(--soft);font-size:13px;line-height:21px;font-variant-numeric:tabular-nums}
.frames abbr{text-decoration:none}
.rail{position:relative;padding:0!important}
.rail .line{position:absolute;top:0;bottom:0;border-left:2px solid var(--line)}
.rail .from{top:15px}
.rail .to{bottom:auto;height:15px}
.rail .mark{position:absolute;top:7px;width:16px;height:16px}
.frames .what{padding-right:14px;width:97%;max-width:0}
.frames .head{font-size:13.5px;line-height:21px}
.frames .head b{font-weight:600}
.frames .m-cut .head{color:var(--fail)}
.frames .field{color:var(--soft);margin-left:6px}
.frames .text{display:block;font-size:12.5px;line-height:19px}
.frames .more>summary{font-size:12.5px;line-height:19px;color:var(--ink);list-style-position:inside}
.frames details:not([open])>summary{white-space:nowrap;overflow-x:clip;text-overflow:ellipsis}
.frames .headers>summary{color:var(--soft)}
.frames .headers .count{font-size:1em}
.frames details[open]>summary code{display:none}
.frames details[open]>summary::after{content:"less";color:var(--accent)}
.frames .headers[open]>summary::after{content:""}
.frames pre,.raw pre{white-space:pre-wrap;background:var(--raised);border-radius:4px;padding:8px 10px;margin:4px 0;font-size:12.5px;line-height:18px;max-height:420px;overflow:auto}
.gap td{color:var(--soft);font-size:12.5px;font-style:italic;padding-top:2px;padding-bottom:2px}
.gap .line{border-left-style:dotted}
.raw{border-top:1px solid var(--line);padding:7px 14px}

.matrix{border:1px solid var(--line);border-radius:8px;overflow-x:auto;margin-bottom:10px}
.matrix thead th{position:sticky;top:0;background:var(--raised);padding:10px 14px;font-weight:600;font-size:13px;overflow-wrap:anywhere;vertical-align:bottom;min-width:110px;max-width:220px}
.matrix td,.matrix tbody th{border-top:1px solid var(--line);padding:6px 14px;vertical-align:top}
.matrix tbody th{position:sticky;left:0;background:var(--page);min-width:200px}
.matrix tbody tr.name th{background:var(--raised);font-weight:600;font-size:13px}
.matrix td a{text-decoration:none;border-radius:999px}
.matrix td a:hover .badge{text-decoration:underline}
.matrix .level{color:var(--soft)}
.targets{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:10px;padding:20px 0 4px}
.targets>div{border:1px solid var(--line);border-radius:8px;padding:12px 16px;min-width:0;display:grid;gap:6px;align-content:start}
.targets h2{font-size:15px;margin:0;overflow-wrap:anywhere}
.targets p{font-size:13px}
.reason{border-top:1px solid var(--line);padding:10px 0}
.reason p{font-size:13px}
footer{color:var(--soft);font-size:13px;padding-top:40px;padding-bottom:48px}
footer ul{list-style:none;display:flex;flex-wrap:wrap;gap:6px 18px;padding:8px 0 0}

${SHOWN.map((one) => `body:has(#f-${one}:not(:checked)) [data-v=${one}]`).join(',')}{display:none}
[data-hidden]{display:none!important}

@media (max-width:720px){
header,main,footer{padding-left:16px;padding-right:16px}
.tools form{padding:8px 16px}
.tools fieldset{flex-wrap:nowrap;overflow-x:auto;margin:0 -16px;padding:3px 16px}
.tools input[type=search]{margin:0;flex:1;width:auto;min-width:0}
header{padding-top:24px}
h1{font-size:22px}
.facts{gap:8px 24px}
.card>summary{padding-left:12px}
.run,.elsewhere{padding-left:12px;padding-right:12px}
.group>summary{grid-template-columns:minmax(0,1fr);padding-left:12px}
.group .tally{text-align:left}
.rows:not(.keep) thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.group .rows,.group .rows tbody,.group .rows tr,.group .rows td,.group .rows th{display:block;width:auto!important}
.group .rows tr{border-top:1px solid var(--line);padding:8px 0}
.group .rows tbody td,.group .rows tbody th{border:0;padding:3px 12px}
.lane{grid-template-columns:92px minmax(0,1fr) 34px;gap:6px}
.axis span span:nth-child(even){display:none}
.frames .headers>summary code{display:none}
.frames .ms{padding-left:8px;padding-right:4px}
.frames .no{display:none}
.frames td,.frames th{padding-left:4px}
.matrix tbody th{min-width:150px}
}
@media print{
:root{color-scheme:light;${LIGHT}}
body{font-size:11px}
.tools,.jump{display:none}
.card,.group,.run{break-inside:auto}
.card>summary,.run>summary,tr{break-inside:avoid}
.frames pre{max-height:none}
a{color:inherit}
.frames details:not([open])>summary{white-space:normal}
.badge,.bar i,.track i{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`;
