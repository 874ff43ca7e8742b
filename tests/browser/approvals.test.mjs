// Approvals: whoever asks is told before and after, and somebody else decides, one request after the other.
import assert from 'node:assert/strict';
import { visit } from './lib/browser.mjs';
import { as, FEW, figure, heading, it, menu, onEachEngine, press, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { askToAdjust, balance, openBudget } from './lib/money.mjs';
import { portal } from './lib/portal.mjs';

/** A regional administrator whose budgets are in euro: adjustments from 10,000 have to be approved. */
const MARTA = 'Marta Ortega';
const SAMUEL = 'Samuel Adeyemi';

/** Asks for more than goes without approval; the request's reference. */
async function ask(page, amount) {
  await askToAdjust(page, 'Up', amount);
  await heading(page, 'Check the answers');
  await page.getByText(/Adjustments from 10,000\.00 EUR.*it waits for .*Samuel Adeyemi/).waitFor();
  await page.getByRole('button', { name: 'Ask for approval' }).click();
  await heading(page, 'It waits for approval');
  return page.locator('.confirm .ref').innerText();
}

onEachEngine('approvals', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`are asked for by one and given by another ${words}`, async () => {
      await as(engine, MARTA, { js }, async (page) => {
        await openBudget(page, /Iberia spot awards/);
        const budget = page.url();
        const available = await figure(page, 'Available');
        const reference = await ask(page, 1_010_000n);
        const request = page.url().split('?')[0];
        if (js && engine === 'sqlite') await lookOver(page, 'approval-asked');
        assert.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0, 'she does not approve it herself');
        await page.getByRole('button', { name: 'Withdraw the request' }).waitFor();
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available, 'nothing has moved');

        const other = await visit(await portal(engine, FEW), { js, person: SAMUEL });
        try {
          await menu(other.page, 'Approvals');
          await other.page.getByRole('rowheader').getByRole('link', { name: reference }).click();
          await heading(other.page, new RegExp(reference));
          assert.deepEqual(await balance(other.page, /Iberia spot awards/, 'Available'), { before: available, after: available + 1_010_000n });
          await other.page.getByRole('button', { name: 'Approve' }).click();
          await other.page.getByRole('status').getByText(`Approved and done: ${reference}.`).waitFor();
        } finally {
          await other.close();
        }
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available + 1_010_000n, 'now it has');
        await page.goto(request);
        await page.getByText(/Samuel Adeyemi, /).waitFor();
      });
    });

    it(`are declined with a reason, and the next one comes ${words}`, async () => {
      await as(engine, MARTA, { js }, async (page) => {
        await openBudget(page, /Iberia recognition/);
        const reference = await ask(page, 1_020_000n);
        const request = page.url().split('?')[0];
        const other = await visit(await portal(engine, FEW), { js, person: SAMUEL });
        try {
          await other.page.goto(request);
          const decline = other.page.getByRole('button', { name: 'Decline' });
          assert.equal(await press(other.page, decline), 422);
          await other.page.getByRole('alert').getByRole('link', { name: 'Write why you decline' }).waitFor();
          await other.page.getByLabel('Reason to decline').fill('The year is nearly over');
          await other.page.getByRole('button', { name: 'Decline' }).click();
          await other.page.getByRole('status').getByText(`Declined: ${reference}.`).waitFor();
          await other.page.getByRole('heading', { level: 1, name: /APR-|Approvals/ }).waitFor();
        } finally {
          await other.close();
        }
        await page.goto(request);
        await page.getByText('The year is nearly over').waitFor();
      });
    });
  });
});
