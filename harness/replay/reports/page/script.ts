/** What the page can do beyond HTML: search, opening all, opening what a link or a printer asks for. It is whole without it. */

export const SCRIPT = `'use strict';
const form = document.querySelector('.tools form');
const list = (selector) => [...document.querySelectorAll(selector)];
if (form) {
  form.addEventListener('submit', (event) => event.preventDefault());
  const search = document.createElement('input');
  search.type = 'search';
  search.placeholder = 'Search';
  search.setAttribute('aria-label', 'Search in findings and requirements');
  const all = document.createElement('button');
  all.type = 'button';
  all.textContent = 'Open all';
  form.append(search, all);
  search.addEventListener('input', () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const one of list('[data-v]')) {
      const text = one.textContent.toLowerCase();
      one.toggleAttribute('data-hidden', !words.every((word) => text.includes(word)));
    }
    for (const group of list('.group'))
      group.toggleAttribute('data-hidden', words.length > 0 && !group.querySelector('[data-v]:not([data-hidden])'));
  });
  all.addEventListener('click', () => {
    const open = all.textContent === 'Open all';
    for (const one of list('.card, .group, .card > .run:first-of-type')) one.open = open;
    all.textContent = open ? 'Close all' : 'Open all';
  });
}
const show = () => {
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (!target) return;
  for (let one = target; one; one = one.parentElement) if (one.localName === 'details') one.open = true;
  target.scrollIntoView();
};
addEventListener('hashchange', show);
show();
let closed = [];
addEventListener('beforeprint', () => {
  closed = list('.card:not([open]), .card > .run:first-of-type:not([open])');
  for (const one of closed) one.open = true;
});
addEventListener('afterprint', () => {
  for (const one of closed) one.open = false;
});
`;
