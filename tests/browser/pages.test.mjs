// Every page, for several people, on both engines, in light and dark, wide and narrow: axe, console, policy, width, weight, a picture.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { axe } from './lib/axe.mjs';
import { people, withPage } from './lib/browser.mjs';
import { it as test } from './lib/journey.mjs';
import { noSidewaysScroll, picture, weigh } from './lib/look.mjs';
import { MORE_PAGES, open, PAGES, PUBLIC_PAGES } from './lib/pages.mjs';
import { ENGINES, portal } from './lib/portal.mjs';

const MODES = [
  { width: 1440, dark: false },
  { width: 1440, dark: true },
  { width: 390, dark: false },
  { width: 390, dark: true },
];
/** WCAG 1.4.10: what a person sees who enlarges a 1280 px window four times. */
const NARROWEST = { width: 320 };
const ALL_PAGES = [...PAGES, ...MORE_PAGES];
/** A walk over all pages takes a minute, that of several people three on two busy cores. */
const WALK_MS = 360_000;

const it = (words, use) => test(words, use, WALK_MS);

const sayMode = ({ width, dark }) => `${width} px, ${dark ? 'dark' : 'light'}`;

for (const engine of ENGINES) {
  describe(`pages on ${engine}`, () => {
    for (const mode of MODES) {
      it(`are sound before sign-in (${sayMode(mode)})`, async () => {
        await withPage(await portal(engine), mode, (page) => look(page, PUBLIC_PAGES, mode, engine === 'sqlite'));
      });
      it(`are sound for the first person of the demo (${sayMode(mode)})`, async () => {
        const running = await portal(engine);
        const [person] = await people(running);
        // The pages are made of the same figures on either engine: forms are looked at on one of them.
        const pages = engine === 'sqlite' ? ALL_PAGES : PAGES;
        const seen = await lookAs(running, person, mode, pages, engine === 'sqlite');
        assert.equal(seen, pages.length, 'the first person of the demo sees an object of every kind');
      });
    }

    // The other people see less, or other words: one look each, in the two modes that are furthest apart.
    it('are sound for the other people of the demo', async () => {
      const running = await portal(engine);
      for (const person of (await people(running)).slice(1, 5)) {
        for (const mode of engine === 'sqlite' ? [MODES[0], MODES[3]] : [MODES[0]]) await lookAs(running, person, mode, PAGES, false);
      }
    });

    it('do not scroll sideways at 320 px', async () => {
      const running = await portal(engine);
      const [person] = await people(running);
      await withPage(running, { ...NARROWEST, person }, async (page) => {
        for (const entry of ALL_PAGES) if (await open(page, entry)) await noSidewaysScroll(page, `${entry.name} at 320 px`);
      });
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

async function lookAs(running, person, mode, pages, keep) {
  let seen = 0;
  await withPage(running, { ...mode, person }, async (page) => {
    seen = await look(page, pages, mode, keep);
  });
  return seen;
}

/** The number of pages that were there to look at. */
async function look(page, entries, mode, keep) {
  let seen = 0;
  for (const entry of entries) {
    if (!(await open(page, entry))) continue;
    const where = `${entry.name} (${sayMode(mode)})`;
    await noSidewaysScroll(page, where);
    await axe(page, where);
    if (mode === MODES[0]) await weigh(page, where);
    if (keep) await picture(page, entry.name, mode);
    seen += 1;
  }
  return seen;
}
