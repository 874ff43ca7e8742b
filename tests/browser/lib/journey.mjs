// What several journeys share: the two engines, a script on and off, and the parts of a page that a person reads.
import assert from 'node:assert/strict';
import { describe, it as test } from 'node:test';
import { withPage } from './browser.mjs';
import { ENGINES, portal } from './portal.mjs';

/** Enough for every status, and there in seconds. */
export const FEW = { transactions: 2_000 };
/** Twice what the longest journey takes on two busy cores: whatever hangs fails soon, and the tests after it have a time of their own. */
const TEST_MS = 120_000;

/** A test that may not hang. */
export function it(words, use, timeout = TEST_MS) {
  test(words, { timeout }, use);
}

/** `define(engine)` once for each engine. */
export function onEachEngine(title, define) {
  for (const engine of ENGINES) describe(`${title} on ${engine}`, () => define(engine));
}

/** `define(js, words)` with the script and without it. */
export function withAndWithoutScript(define) {
  for (const js of [true, false]) define(js, js ? 'with JavaScript' : 'without JavaScript');
}

/** A page of the shared demo, signed in as `person`. */
export async function as(engine, person, mode, use, options = FEW) {
  await withPage(await portal(engine, options), { ...mode, person }, use);
}

/** Waits until the page's heading is this. */
export async function heading(page, name) {
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

/** A link of the main menu. */
export async function menu(page, name) {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
  await heading(page, name);
}

/** An amount as a page shows it, in minor units: `1,234.50` is 123450n. */
export function minor(text) {
  const bare = text.replaceAll(',', '').replace('\u2212', '-').trim();
  assert.match(bare, /^-?\d+(\.\d+)?$/, `${text} is no amount`);
  return BigInt(bare.replace('.', ''));
}

/** Minor units as a person types them, for a currency of two digits. */
export function typed(amount) {
  const digits = String(amount < 0n ? -amount : amount).padStart(3, '0');
  return `${amount < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The figure of a card, in minor units. */
export async function figure(page, label) {
  const card = page.locator('.card').filter({ has: page.getByRole('heading', { name: label, exact: true }) });
  const text = await card.locator('.figure').innerText();
  return minor(text.split(/\s/)[0]);
}

/** How many the caption of a list says there are: `Showing 50 of 1,234 transactions`. */
export async function listed(page) {
  if (await page.getByRole('heading', { name: /^No \w+ match these filters$/ }).count()) return 0;
  const words = await page.locator('caption').first().innerText();
  const found = /^(?:Showing [\d,]+ of )?([\d,]+) \w+/.exec(words);
  assert.ok(found, `“${words}” says no number`);
  return Number(found[1].replaceAll(',', ''));
}

/** The filters in use, as words: `Delivery: Failed`. */
export async function chips(page) {
  const words = await page.getByRole('list', { name: 'Filters in use' }).getByRole('link', { name: /remove this filter$/ }).allInnerTexts();
  return words.map((text) => text.split(/\s*×/)[0].trim());
}

/** Ticks values in a filter that unfolds. */
export async function tick(page, filter, ...values) {
  const box = page.getByRole('group', { name: filter, exact: true });
  await page.locator('summary').filter({ hasText: new RegExp(`^\\s*${filter}: `) }).click();
  for (const value of values) await box.getByLabel(value, { exact: true }).check();
}

/** Goes where a click leads, and returns the status of the answer. */
export async function press(page, locator) {
  const last = (response) => response.request().isNavigationRequest() && Math.floor(response.status() / 100) !== 3;
  const answer = page.waitForResponse(last);
  const [response] = await Promise.all([answer, locator.click()]);
  await page.waitForLoadState();
  return response.status();
}

/** A small reader of CSV: quotes, doubled quotes, either line end. Rows of cells. */
export function csv(text) {
  const rows = [];
  let row = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ',') {
      row.push(cell);
      cell = '';
    } else if (sign === '\n') {
      row.push(cell);
      rows.push(row);
      [row, cell] = [[], ''];
    } else if (sign !== '\r') cell += sign;
  }
  if (cell !== '' || row.length > 0) rows.push([...row, cell]);
  return rows;
}
