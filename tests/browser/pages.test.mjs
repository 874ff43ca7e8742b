// Every page, for several people, on both engines, in light and dark, wide and narrow: axe, console, policy, width, weight, a picture.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { axe, COLOURS } from './lib/axe.mjs';
import { people, withPage } from './lib/browser.mjs';
import { it as test } from './lib/journey.mjs';
import { noSidewaysScroll, picture, weigh } from './lib/look.mjs';
import { MORE_PAGES, open, PAGES, PUBLIC_PAGES } from './lib/pages.mjs';
import { ENGINES, portal } from './lib/portal.mjs';

const WIDTHS = [1440, 390];
/** WCAG 1.4.10: what a person sees who enlarges a 1280 px window four times. */
const NARROWEST = 320;
const ALL_PAGES = [...PAGES, ...MORE_PAGES];
/** A walk over all pages takes a minute, that of several people three on two busy cores. */
const WALK_MS = 360_000;

const it = (words, use) => test(words, use, WALK_MS);

for (const engine of ENGINES) {
  describe(`pages on ${engine}`, () => {
    for (const width of WIDTHS) {
      it(`are sound before sign-in (${width} px)`, async () => {
        await withPage(await portal(engine), { width }, (page) => look(page, PUBLIC_PAGES, width, engine === 'sqlite'));
      });
      it(`are sound for the first person of the demo (${width} px)`, async () => {
        const running = await portal(engine);
        const [person] = await people(running);
        // The pages are made of the same figures on either engine: forms are looked at on one of them.
        const pages = engine === 'sqlite' ? ALL_PAGES : PAGES;
        const seen = await lookAs(running, person, width, pages, engine === 'sqlite');
        assert.equal(seen, pages.length, 'the first person of the demo sees an object of every kind');
      });
    }

    // The other people see less, or other words: one look each, narrow on one engine and wide on the other.
    it('are sound for the other people of the demo', async () => {
      const running = await portal(engine);
      for (const person of (await people(running)).slice(1, 5)) {
        await lookAs(running, person, engine === 'sqlite' ? WIDTHS[1] : WIDTHS[0], PAGES, false);
      }
    });

    it('are all there without JavaScript', async () => {
      const running = await portal(engine);
      const [person] = await people(running);
      await withPage(running, { js: false, person }, async (page) => {
        for (const entry of ALL_PAGES) {
          await open(page, entry);
          assert.equal(await page.locator('main h1').count(), 1, `${entry.name} has one heading of the first level`);
        }
      });
    });
  });
}

async function lookAs(running, person, width, pages, keep) {
  let seen = 0;
  await withPage(running, { width, person }, async (page) => {
    seen = await look(page, pages, width, keep);
  });
  return seen;
}

/** Looks at each page in light and dark, narrow ones at the narrowest as well; the number of pages that were there to look at. */
async function look(page, entries, width, keep) {
  const { height } = page.viewportSize();
  let seen = 0;
  for (const entry of entries) {
    if (!(await open(page, entry))) continue;
    const where = (scheme) => `${entry.name} (${width} px, ${scheme})`;
    await noSidewaysScroll(page, where('light'));
    await axe(page, where('light'));
    if (width === WIDTHS[0]) await weigh(page, where('light'));
    if (keep) await picture(page, entry.name, { width, dark: false });
    await page.emulateMedia({ colorScheme: 'dark' });
    await axe(page, where('dark'), COLOURS);
    if (keep) await picture(page, entry.name, { width, dark: true });
    await page.emulateMedia({ colorScheme: 'light' });
    if (width !== WIDTHS[0]) {
      await page.setViewportSize({ width: NARROWEST, height });
      await noSidewaysScroll(page, `${entry.name} at ${NARROWEST} px`);
      await page.setViewportSize({ width, height });
    }
    seen += 1;
  }
  return seen;
}
