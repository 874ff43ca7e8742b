// Taking a list away: the rows, the columns and the order that were seen.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { as, csv, heading, it, listed, menu, onEachEngine, tick, withAndWithoutScript } from './lib/journey.mjs';

const OWEN = 'Owen Byrne';

onEachEngine('an export', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`holds the list as it was seen ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page) => {
        await menu(page, 'Transactions');
        await tick(page, 'Delivery', 'Failed', 'Succeeded');
        await page.getByRole('button', { name: 'Apply' }).click();
        await page.getByRole('list', { name: 'Filters in use' }).getByText('Delivery: Failed').waitFor();
        await page.getByRole('columnheader', { name: /^Amount/ }).getByRole('link').click();
        await page.waitForURL(/sort=-amount/);
        const count = await listed(page);
        const heads = (await page.locator('thead th').allInnerTexts()).map((text) => text.trim());
        const cells = (all, at) => all.map((row) => row.children[at].innerText);
        const amounts = await page.locator('tbody tr').evaluateAll(cells, heads.indexOf('Amount'));

        await page.getByRole('link', { name: 'Export' }).last().click();
        await heading(page, 'Export transactions');
        const promised = page.locator('dl > div').filter({ hasText: /^Rows/ }).locator('dd').first();
        assert.equal(await promised.innerText(), count.toLocaleString('en-GB'));
        await page.getByLabel('CSV for programs').check();
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()]);
        assert.match(download.suggestedFilename(), /^transactions_\d{8}T\d{4}Z\.csv$/);
        const [head, ...body] = csv(readFileSync(await download.path(), 'utf8'));
        assert.equal(body.length, count);
        assert.equal(head.length, heads.length);
        const at = head.indexOf('amount_issued');
        const taken = body.map((row) => row[at]);
        for (const amount of taken) assert.match(amount, /^-?\d+\.\d\d$/, 'an amount is a bare number');
        const seen = amounts.map((text) => Number(text.replaceAll(',', '')));
        assert.deepEqual(taken.slice(0, seen.length).map(Number), seen, 'in the order of the list');

        await menu(page, 'Exports');
        const row = page.locator('tbody tr').first();
        await row.getByText('Finished', { exact: true }).waitFor();
        assert.match(await row.innerText(), /Delivery: (Failed or Succeeded|Succeeded or Failed)/);
        const [second] = await Promise.all([page.waitForEvent('download'), row.getByRole('link', { name: /^Download again/ }).click()]);
        assert.equal(csv(readFileSync(await second.path(), 'utf8')).length, count + 1, 'it can be fetched again');
      });

      await as(engine, 'Samuel Adeyemi', { js }, async (page) => {
        await page.goto('/audit');
        await page.getByRole('row').filter({ hasText: OWEN }).filter({ hasText: /[Ee]xport/ }).first().waitFor();
      });
    });

    it(`for a spreadsheet says its columns in words ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page) => {
        await page.goto('/exports/new');
        await page.getByLabel('All columns').check();
        await page.getByLabel('CSV for Excel').check();
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()]);
        const text = readFileSync(await download.path(), 'utf8');
        assert.ok(text.startsWith('\uFEFF'), 'with the mark that a spreadsheet looks for');
        const [head, ...body] = csv(text.slice(1));
        assert.ok(head.length > 30 && head.includes('Amount') && head.includes('Recipient'));
        assert.ok(!head.includes('Recipient e-mail'), 'addresses are chosen, never taken along');
        const at = head.indexOf('Amount');
        for (const row of body) assert.match(row[at], /^-?\d+\.\d\d$/);
        const texts = body.flatMap((row) => row.filter((_, column) => column === head.indexOf('Recipient')));
        for (const cell of texts) assert.doesNotMatch(cell, /^[=+\-@\t\r]/, 'no text can be run as a formula');
      });
    });
  });
});
