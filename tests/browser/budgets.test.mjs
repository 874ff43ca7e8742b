// Moving money: form, check, confirmation with a reference; never twice, and never on what is no longer so.
import assert from 'node:assert/strict';
import { visit } from './lib/browser.mjs';
import { as, FEW, figure, heading, it, listed, menu, onEachEngine, press, typed, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { askToAdjust, balance, confirm, confirmOnce, openBudget } from './lib/money.mjs';
import { portal } from './lib/portal.mjs';

/** A regional administrator whose budgets are in pounds. */
const OWEN = 'Owen Byrne';

async function adjustUp(page, amount) {
  await askToAdjust(page, 'Up', amount);
  return confirm(page, 'Adjust');
}

const toTheBudget = (page) => page.getByRole('link', { name: 'Go to the budget' }).click();

onEachEngine('moving money', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`adjusts a budget and never twice ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page, { context }) => {
        await openBudget(page, /spot awards/);
        const budget = page.url();
        const name = (await page.getByRole('heading', { level: 1 }).innerText()).replace(/\s*Active$/, '');
        const available = await figure(page, 'Available');
        const adjusted = await figure(page, 'Adjusted');
        await askToAdjust(page, 'Up', 125_050n);
        await heading(page, 'Check the answers');
        assert.deepEqual(await balance(page, name, 'Available'), { before: available, after: available + 125_050n });
        assert.deepEqual(await balance(page, name, 'Adjusted'), { before: adjusted, after: adjusted + 125_050n });

        const reference = await confirmOnce(page, context, 'Adjust');
        if (js && engine === 'sqlite') await lookOver(page, 'posting-done');
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available + 125_050n, 'the money has moved once');
        assert.equal(await page.getByRole('rowheader').getByRole('link', { name: reference }).count(), 1);
      });
    });

    it(`transfers a part to another budget ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page) => {
        await openBudget(page, /wellness/);
        const target = page.url();
        const before = await figure(page, 'Available');
        await openBudget(page, /spot awards/);
        await adjustUp(page, 5_000_000n);
        await toTheBudget(page);
        const available = await figure(page, 'Available');
        const part = available / 3n;
        await page.getByRole('link', { name: 'Transfer', exact: true }).click();
        await heading(page, 'Transfer');
        const option = page.getByLabel('To budget').locator('option').filter({ hasText: /wellness/ });
        await page.getByLabel('To budget').selectOption(await option.first().getAttribute('value'));
        await page.getByLabel('Amount', { exact: true }).fill(typed(part));
        await page.getByRole('button', { name: 'Check the answers' }).click();
        await heading(page, 'Check the answers');
        assert.deepEqual(await balance(page, /wellness/, 'Available'), { before, after: before + part });
        assert.deepEqual(await balance(page, /spot awards/, 'Available'), { before: available, after: available - part });
        const reference = await confirm(page, 'Transfer');
        await page.goto(target);
        assert.equal(await figure(page, 'Available'), before + part);
        await page.getByRole('link', { name: reference }).waitFor();
        await page.locator('.tablewrap').getByRole('link', { name: /spot awards/ }).first().waitFor();
      });
    });

    it(`reserves, commits a part, and reverses ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page) => {
        await openBudget(page, /wellness/);
        const budget = page.url();
        await adjustUp(page, 2_000_000n);
        const adjustment = page.url();
        await toTheBudget(page);
        const [available, reserved, spent] = [await figure(page, 'Available'), await figure(page, 'Reserved'), await figure(page, 'Spent')];

        await page.getByRole('link', { name: 'Reserve', exact: true }).click();
        await heading(page, 'Reserve');
        await page.getByLabel('Amount', { exact: true }).fill('80.00');
        await page.getByLabel('Note').fill('Vouchers for the safety week');
        await page.getByRole('button', { name: 'Check the answers' }).click();
        assert.deepEqual(await balance(page, /wellness/, 'Reserved'), { before: reserved, after: reserved + 8_000n });
        await confirm(page, 'Reserve');
        await page.getByRole('link', { name: 'Commit', exact: true }).click();
        await heading(page, 'Commit the reservation');
        await page.getByLabel('Amount spent').fill('50.25');
        await page.getByRole('button', { name: 'Check the answers' }).click();
        await confirm(page, 'Commit the reservation');
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available - 5_025n, 'the rest of the reservation is free again');
        assert.equal(await figure(page, 'Reserved'), reserved);
        assert.equal(await figure(page, 'Spent'), spent + 5_025n);

        await page.goto(adjustment);
        await page.getByRole('link', { name: 'Reverse', exact: true }).click();
        await heading(page, 'Reverse the posting');
        await page.getByLabel('Note').fill('It was meant for another budget');
        await page.getByRole('button', { name: 'Check the answers' }).click();
        await confirm(page, 'Reverse the posting');
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available - 5_025n - 2_000_000n);
        await page.goto(adjustment.split('?')[0]);
        assert.equal(await page.getByRole('link', { name: 'Reverse', exact: true }).count(), 0, 'what is reversed is not reversed again');
      });
    });

    it(`says what is missing when there is too little ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page) => {
        await openBudget(page, /recognition/);
        const budget = page.url();
        const available = await figure(page, 'Available');
        const most = available > 0n ? available : 0n;
        assert.equal(await askToAdjust(page, 'Down', most + 1n), 422);
        await page.getByRole('alert').getByRole('heading', { name: 'There is a problem' }).waitFor();
        await page.getByRole('alert').getByRole('link', { name: /^Only .* GBP is available in / }).waitFor();
        assert.match(await page.title(), /^Error: /);
        assert.equal(await page.getByLabel('Amount', { exact: true }).inputValue(), typed(most + 1n), 'what was typed is kept');
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available, 'nothing is changed');
      });
    });

    it(`shows the second of two people what changed, and lets her decide again ${words}`, async () => {
      await as(engine, OWEN, { js }, async (page) => {
        await openBudget(page, /recognition/);
        const budget = page.url();
        const available = await figure(page, 'Available');
        const second = await visit(await portal(engine, FEW), { js, person: 'Samuel Adeyemi' });
        try {
          await second.page.goto(budget);
          await askToAdjust(page, 'Up', 30_000n);
          await askToAdjust(second.page, 'Up', 7_000n);
          const reference = await confirm(page, 'Adjust');

          assert.equal(await press(second.page, second.page.getByRole('button', { name: 'Adjust', exact: true })), 409);
          const changed = second.page.getByRole('region', { name: 'Changed while you were looking at it' });
          await changed.getByText('Nothing was moved').waitFor();
          if (js && engine === 'sqlite') await lookOver(second.page, 'adjustment-changed');
          const text = await changed.innerText();
          assert.match(text, /Owen Byrne/, 'it says who changed it');
          assert.match(text, /Adjustment of 300\.00 GBP/, 'and how');
          assert.deepEqual(await balance(second.page, /recognition/, 'Available'), { before: available + 30_000n, after: available + 37_000n });

          assert.notEqual(await confirm(second.page, 'Adjust'), reference);
          await page.goto(budget);
          assert.equal(await figure(page, 'Available'), available + 37_000n);
        } finally {
          await second.close();
        }
      });
    });

    it(`gives a budget to a controller to make, edit and close ${words}`, async () => {
      await as(engine, 'Samuel Adeyemi', { js }, async (page) => {
        const name = `Referrals ${js ? 'one' : 'two'}`;
        await menu(page, 'Budgets');
        await page.getByRole('link', { name: 'New budget' }).click();
        await heading(page, 'New budget');
        assert.equal(await press(page, page.getByRole('button', { name: 'Make the budget' })), 422, 'everything that is missing is said at once');
        assert.ok((await page.getByRole('alert').getByRole('link').count()) >= 3);
        await page.getByLabel('Region', { exact: true }).selectOption({ label: (await optionWith(page, 'Region', 'Nordics')) });
        await page.getByLabel('Currency').selectOption('SEK');
        await page.getByLabel('Name', { exact: true }).fill(name);
        const year = new Date().getUTCFullYear();
        await page.getByLabel('First day').fill(`${year}-01-01`);
        await page.getByLabel('Last day').fill(`${year}-12-31`);
        await page.getByLabel('First allocation').fill('40,000');
        await page.getByLabel('Draft', { exact: true }).check();
        await page.getByRole('button', { name: 'Make the budget' }).click();
        await heading(page, name);
        await page.getByRole('link', { name: 'Activate', exact: true }).click();
        if (js && engine === 'sqlite') await lookOver(page, 'budget-activate');
        await page.getByRole('button', { name: /^Activate/ }).click();
        await heading(page, name);
        assert.equal(await page.getByRole('link', { name: 'Activate', exact: true }).count(), 0);
        assert.equal(await figure(page, 'Available'), 4_000_000n);

        await page.getByRole('link', { name: 'Edit', exact: true }).click();
        await page.getByLabel('Cost centre').fill('2499');
        await page.getByRole('button', { name: 'Keep the changes' }).click();
        await page.getByRole('listitem').filter({ hasText: /^Version \d+/ }).filter({ hasText: '2499' }).waitFor();

        await page.getByRole('link', { name: 'Close', exact: true }).click();
        await page.getByRole('button', { name: /Close/ }).click();
        await page.getByText('This budget is closed.').waitFor();

        await page.goto('/budgets?view=table');
        const all = await page.locator('tbody tr').count();
        assert.ok(all > 20);
        await page.getByLabel('Name', { exact: true }).fill(name);
        await page.getByRole('button', { name: 'Apply' }).click();
        await page.getByRole('list', { name: 'Filters in use' }).getByText(name).waitFor();
        assert.equal(await listed(page), 1);
      });
    });
  });
});

/** The label of the option of a select that holds these words. */
async function optionWith(page, label, words) {
  return page.getByLabel(label, { exact: true }).locator('option').filter({ hasText: words }).first().innerText();
}
