// Evidence: a campaign that takes a role away from somebody at once, and the file that tells of it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { visit } from './lib/browser.mjs';
import { as, csv, FEW, heading, it, menu, onEachEngine, press, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { portal } from './lib/portal.mjs';

const INGRID = 'Ingrid Larsen';
const HANNAH = 'Hannah Weiss';
/** Whose role is taken away: with the script, without it; on each engine in a demo of its own. */
const LOSES = { true: ['Aiko Mori', 'Japan'], false: ['Priya Nair', 'India'] };

onEachEngine('evidence', (engine) => {
  it('shows the demo’s review half done', async () => {
    await as(engine, HANNAH, {}, async (page) => {
      await menu(page, 'Evidence');
      await page.locator('.titlebar').getByRole('link', { name: 'Access reviews' }).click();
      await heading(page, 'Access reviews');
      await page.getByRole('rowheader').getByRole('link', { name: /^Roles of everybody/ }).click();
      await page.getByText('Revoked', { exact: true }).waitFor();
      assert.ok((await page.getByText('Kept', { exact: true }).count()) >= 4);
      assert.ok((await page.getByRole('button', { name: /^Keep/ }).count()) >= 4, 'some wait for her');
      if (engine === 'sqlite') await lookOver(page, 'evidence-review');
    });
  });

  withAndWithoutScript((js, words) => {
    it(`a role that is revoked is gone on the next request ${words}`, async () => {
      const [loser, place] = LOSES[js];
      const running = await portal(engine, FEW);
      const hers = await visit(running, { js, person: loser, allow: [/403/] });
      try {
        assert.equal((await hers.page.goto('/budgets')).status(), 200);
        let review;
        await as(engine, INGRID, { js }, async (page) => {
          await page.goto('/evidence/reviews');
          await page.getByRole('link', { name: 'Open a campaign' }).click();
          await heading(page, 'Open an access review');
          await page.getByLabel('Name', { exact: true }).fill(`Only ${place} ${words}`);
          const region = page.getByLabel(/^Region,/);
          await region.selectOption(await region.locator('option', { hasText: place }).getAttribute('value'));
          assert.equal(await press(page, page.getByRole('button', { name: 'Open the campaign' })), 422);
          await page.getByRole('alert').getByRole('link', { name: 'Choose at least one reviewer' }).waitFor();
          await page.getByLabel(HANNAH, { exact: true }).check();
          await page.getByRole('button', { name: 'Open the campaign' }).click();
          await heading(page, new RegExp(`Only ${place}`));
          review = page.url();
          assert.equal(await page.getByRole('button', { name: /^Revoke/ }).count(), 0, 'she is no reviewer of it');
        });
        await as(engine, HANNAH, { js }, async (page) => {
          await page.goto(review);
          const row = page.getByRole('row').filter({ hasText: loser });
          assert.equal(await press(page, row.getByRole('button', { name: /^Revoke/ })), 422);
          await page.getByRole('alert').getByRole('link', { name: 'Say why' }).waitFor();
          assert.equal((await hers.page.goto('/budgets')).status(), 200, 'nothing was decided yet');
          await page.getByLabel(new RegExp(`^Why ${loser}`)).fill('Has left the programme');
          await page.getByRole('row').filter({ hasText: loser }).getByRole('button', { name: /^Revoke/ }).click();
          await page.getByRole('status').getByText(`Revoked: ${loser}`).waitFor();
        });
        assert.equal((await hers.page.goto('/budgets')).status(), 403, 'gone on the next request');
        await as(engine, INGRID, { js }, async (page) => {
          await page.goto(review);
          const because = page.getByLabel('Why it is closed before everything is decided');
          if (await because.count()) await because.fill('Only one was asked about');
          await page.getByRole('button', { name: 'Close the campaign' }).click();
          await page.getByRole('status').getByText('The campaign is closed').waitFor();
          assert.equal(await page.getByRole('button', { name: 'Close the campaign' }).count(), 0);
          await page.getByRole('link', { name: 'Export', exact: true }).click();
          await heading(page, /^Export: access reviews/);
          await page.getByLabel('CSV for programs').check();
          const coming = page.waitForEvent('download');
          await page.getByRole('button', { name: /^Download/ }).click();
          const rows = csv(await readFile(await (await coming).path(), 'utf8'));
          const line = rows.find((row) => row[1] === loser);
          assert.deepEqual(line.slice(5, 7).concat(line[8]), ['Revoked', HANNAH, 'Has left the programme']);
          assert.ok(rows.some((row) => row[0] === 'Made by' && row[1].startsWith(INGRID)));
          assert.ok(rows.some((row) => row[0] === 'Statement' && row[1].includes('access_review_item')));
        });
      } finally {
        await hers.close();
      }
    });
  });
});
