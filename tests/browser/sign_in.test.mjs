// Coming in, going out, and what an address is worth without the right to it.
import assert from 'node:assert/strict';
import { keepingPages, withPage } from './lib/browser.mjs';
import { as, FEW, heading, it, onEachEngine, withAndWithoutScript } from './lib/journey.mjs';
import { portal } from './lib/portal.mjs';

const OWEN = 'Owen Byrne';

onEachEngine('signing in', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`takes one click, and one to go again ${words}`, async () => {
      await withPage(await portal(engine, FEW), { js }, async (page) => {
        await page.goto('/budgets');
        await heading(page, 'Look around as one of them');
        await page.getByRole('button', { name: OWEN }).click();
        await heading(page, 'Budgets');
        await page.getByRole('button', { name: 'Sign out' }).click();
        await heading(page, 'You are signed out');
        await page.goto('/budgets');
        await heading(page, 'Look around as one of them');
      });
    });

    it(`leaves nothing behind for the Back button ${words}`, async () => {
      await keepingPages(await portal(engine, FEW), { js, person: OWEN }, async (page, back) => {
        await page.goto('/budgets');
        await page.getByRole('link', { name: /recognition FY/i }).first().click();
        await page.getByRole('heading', { name: 'Statement' }).waitFor();
        await page.getByRole('button', { name: 'Sign out' }).click();
        await heading(page, 'You are signed out');
        await back();
        await page.getByRole('heading', { level: 1, name: /You are signed out|Look around as one of them/ }).waitFor();
        assert.equal(await page.getByRole('navigation', { name: 'Main' }).count(), 0, 'the page of the signed-in person is gone');
        assert.equal(await page.getByRole('heading', { name: 'Statement' }).count(), 0, 'no statement is left');
      });
    });

    it(`shows an address of another region as if nothing were there ${words}`, async () => {
      let foreign;
      await as(engine, 'Marta Ortega', { js }, async (page) => {
        await page.goto('/budgets');
        foreign = await page.getByRole('link', { name: /^Iberia .* FY/ }).first().getAttribute('href');
      });
      await as(engine, OWEN, { js }, async (page) => {
        const read = async (address) => {
          const answer = await page.goto(address);
          const text = (await page.locator('main').innerText()).replace(/Request.*/s, '');
          return { status: answer.status(), text };
        };
        const none = await read('/budgets/bud_00000000000000000000000000');
        assert.equal(none.status, 404);
        assert.deepEqual(await read(foreign), none, 'one cannot tell a budget of another region from none');
      });
    });
  });
});
