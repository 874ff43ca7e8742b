// Finding transactions, and giving one to a budget.
import assert from 'node:assert/strict';
import { as, chips, figure, heading, it, listed, menu, minor, onEachEngine, press, tick, withAndWithoutScript } from './lib/journey.mjs';

/** Sees every region. */
const SAMUEL = 'Samuel Adeyemi';
const OWEN = 'Owen Byrne';
/** More than a list counts without being asked. */
const MANY = { transactions: 12_000 };

const rows = (page) => page.locator('tbody tr');
const ids = (page) => page.locator('tbody a[href^="/transactions/txn_"]').evaluateAll((links) => links.map((link) => link.getAttribute('href')));

/** The texts of a column, by its head. */
async function column(page, label) {
  const heads = await page.locator('thead th').allInnerTexts();
  const at = heads.findIndex((head) => head.trim().startsWith(label));
  assert.notEqual(at, -1, `${label} is no column of ${heads}`);
  return rows(page).locator(`:scope > :nth-child(${at + 1})`).allInnerTexts();
}

const apply = async (page) => {
  await press(page, page.getByRole('button', { name: 'Apply' }));
};

onEachEngine('transactions', (engine) => {
  withAndWithoutScript((js, words) => {
    const look = (person, use, options) => as(engine, person, { js }, use, options);

    it(`are filtered, and each filter can be taken away ${words}`, async () => {
      await look(SAMUEL, async (page) => {
        await menu(page, 'Transactions');
        await tick(page, 'Delivery', 'Failed', 'Pending');
        await page.getByLabel('Period').selectOption({ label: 'Last fiscal year' });
        await apply(page);
        assert.deepEqual(await chips(page), ['Delivery: Failed', 'Delivery: Pending', 'Issued: last fiscal year']);
        const counts = [await listed(page)];
        assert.deepEqual([...new Set(await column(page, 'Delivery'))].filter((text) => !/^(Failed|Pending)$/.test(text)), []);

        await page.getByText('More filters').click();
        await page.getByLabel('Least amount').fill('20');
        await apply(page);
        counts.push(await listed(page));
        for (const amount of await column(page, 'Amount')) assert.ok(Number(amount.replaceAll(',', '')) >= 20, `${amount} is at least 20`);

        await page.getByLabel('Search', { exact: true }).fill('an');
        await apply(page);
        counts.push(await listed(page));
        assert.deepEqual(await chips(page), ['Search: an', 'Delivery: Failed', 'Delivery: Pending', 'Issued: last fiscal year', 'Amount: at least 20']);
        assert.deepEqual(counts, [...counts].sort((a, b) => b - a), 'each filter leaves fewer');

        let before = counts.at(-1);
        for (let left = 5; left > 1; left -= 1) {
          const first = page.getByRole('link', { name: /remove this filter$/ }).first();
          // With one of two values gone, the other still holds: fewer may be left. Any other chip only ever hid rows.
          const one = (await chips(page)).filter((chip) => chip.startsWith('Delivery')).length === 2 && /Delivery/.test(await first.innerText());
          await press(page, first);
          assert.equal((await chips(page)).length, left - 1);
          const now = await listed(page);
          assert.ok(one ? now <= before : now >= before, `${now} of ${before} without that filter`);
          before = now;
        }
        await page.getByRole('link', { name: 'Clear all filters' }).click();
        await page.waitForURL((url) => url.pathname === '/transactions' && !url.searchParams.has('amount_min'));
        assert.equal(await page.getByRole('list', { name: 'Filters in use' }).count(), 0);
      });
    });

    it(`are sorted and turned over page by page ${words}`, async () => {
      await look(SAMUEL, async (page) => {
        await page.goto('/transactions');
        await page.getByText('More filters').click();
        await tick(page, 'Currency', 'GBP');
        await apply(page);
        await page.getByRole('columnheader', { name: /^Amount/ }).getByRole('link').click();
        await page.waitForURL(/sort=-amount/);
        assert.equal(await page.getByRole('columnheader', { name: /^Amount/ }).getAttribute('aria-sort'), 'descending');
        const first = await ids(page);
        const most = (await column(page, 'Amount')).map(minor);
        assert.equal(first.length, 50);
        assert.deepEqual(most, [...most].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)));

        await page.getByRole('link', { name: 'Next', exact: true }).click();
        await page.getByRole('link', { name: 'Previous', exact: true }).waitFor();
        const second = await ids(page);
        assert.deepEqual(second.filter((id) => first.includes(id)), [], 'no row stands on two pages');
        assert.ok(minor((await column(page, 'Amount'))[0]) <= most.at(-1));
        await page.getByRole('link', { name: 'Previous', exact: true }).click();
        await page.waitForURL(/before=/);
        assert.deepEqual(await ids(page), first, 'Previous leads to the rows one came from');

        await page.getByRole('columnheader', { name: /^Amount/ }).getByRole('link').click();
        await page.waitForURL(/sort=amount/);
        const least = (await column(page, 'Amount')).map(minor);
        assert.ok(least[0] < most.at(-1));
        assert.deepEqual(least, [...least].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      });
    });

    it(`are counted up to a limit, and all of them on demand ${words}`, async () => {
      await look(SAMUEL, async (page) => {
        // Months are added up beforehand; what else is asked is counted row by row.
        await page.goto('/transactions?amount_min=0.01');
        await page.getByText(/^Showing 50 of more than 10,000 transactions/).first().waitFor();
        assert.equal(await page.locator('tfoot tr').count(), 0);
        await page.getByRole('link', { name: 'Count all and add up' }).click();
        await page.waitForURL(/count=exact/);
        const all = await listed(page);
        assert.ok(all > 10_000);
        const sums = await page.locator('tfoot tr').allInnerTexts();
        assert.equal(sums.length, 8, 'one sum for each currency, never one across them');
        const parts = sums.map((text) => Number(/Sum of ([\d,]+) in/.exec(text)[1].replaceAll(',', '')));
        assert.equal(parts.reduce((sum, part) => sum + part, 0), all);
      }, MANY);
    });

    it(`that no filter matches are told from none at all ${words}`, async () => {
      await look(SAMUEL, async (page) => {
        await page.goto('/transactions');
        await page.getByLabel('Search', { exact: true }).fill('nothing is called so');
        await apply(page);
        await page.getByRole('heading', { name: 'No transactions match these filters' }).waitFor();
        assert.deepEqual(await chips(page), ['Search: nothing is called so']);
        await page.getByRole('link', { name: 'Clear all filters' }).click();
        await rows(page).first().waitFor();
      });
    });

    it(`are found by a pasted id, and show all there is ${words}`, async () => {
      await look(OWEN, async (page) => {
        await page.goto('/transactions');
        const reference = await page.locator('tbody a[href^="/transactions/txn_"]').first().innerText();
        await page.locator('tbody a[href^="/transactions/txn_"]').first().click();
        await heading(page, reference);
        const address = page.url();
        for (const part of ['Belongs to', 'Money', 'Details', 'Timeline']) await page.getByRole('heading', { name: part, exact: true }).waitFor();
        for (const axis of ['Order', 'Delivery', 'Redemption', 'Reconciliation', 'Approval']) {
          await page.getByRole('heading', { name: axis, exact: true }).waitFor();
        }
        const id = await page.locator('.lead .id').innerText();
        await page.goto('/');
        for (const pasted of [id, reference]) {
          await page.getByLabel('Search everything').fill(pasted);
          await page.getByLabel('Search everything').press('Enter');
          await page.waitForURL(address);
          await heading(page, reference);
        }
      });
    });

    it(`can be given to another budget, which shows in its statement ${words}`, async () => {
      await look(OWEN, async (page) => {
        await page.goto('/transactions');
        await tick(page, 'Delivery', 'Succeeded');
        await apply(page);
        await rows(page).nth(js ? 3 : 5).locator('a[href^="/transactions/txn_"]').click();
        await page.getByRole('link', { name: /^(Move to another|Assign to a) budget$/ }).click();
        const choice = page.getByLabel('New budget');
        await choice.selectOption(await choice.locator('option:not([value=""])').first().getAttribute('value'));
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByRole('heading', { name: 'Check before it is moved' }).waitFor();
        const target = page.locator('dl > div').filter({ hasText: 'Available in' }).last();
        const name = /Available in (.*)/.exec(await target.locator('dt').innerText())[1];
        const after = minor(await target.locator('.changed').innerText());
        await page.getByRole('button', { name: /^(Move to another|Assign to a) budget$/ }).click();
        await page.getByRole('status').getByText('The transaction has its new budget.').waitFor();
        const transaction = new URL(page.url()).pathname;
        await page.getByRole('link', { name, exact: true }).click();
        await heading(page, new RegExp(`^${name.replace(/[()]/g, '\\$&')}`));
        assert.equal(await figure(page, 'Available'), after);
        await page.locator('#statement tbody').getByRole('rowheader').getByRole('link').first().click();
        await page.getByRole('heading', { name: 'What moved' }).waitFor();
        assert.equal(await page.locator(`a[href="${transaction}"]`).count(), 1, 'the posting leads back to the transaction');
      });
    });
  });
});
