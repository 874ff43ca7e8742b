// Money that a controller gives, takes back and carries into the next period; whatever is pressed twice moves it once.
import assert from 'node:assert/strict';
import { as, figure, heading, it, onEachEngine, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { balance, confirm, confirmOnce, openBudget } from './lib/money.mjs';

/** A finance controller: sees every region. */
const SAMUEL = 'Samuel Adeyemi';
const YEAR = new Date().getUTCFullYear();

const check = async (page) => {
  await page.getByRole('button', { name: 'Check the answers' }).click();
  await heading(page, 'Check the answers');
};

onEachEngine('a controller', (engine) => {
  withAndWithoutScript((js, words) => {
    const look = (page, name) => js && engine === 'sqlite' && lookOver(page, name);

    it(`allocates to a budget that is there, once ${words}`, async () => {
      await as(engine, SAMUEL, { js }, async (page, { context }) => {
        await openBudget(page, /Iberia recognition/);
        const budget = page.url();
        const [available, allocated] = [await figure(page, 'Available'), await figure(page, 'Allocated')];
        await page.getByRole('link', { name: 'Allocate', exact: true }).click();
        await heading(page, 'Allocate money');
        await page.getByLabel('Amount', { exact: true }).fill('1,500.50');
        await page.getByLabel('Note').fill('Second half of the year');
        await check(page);
        assert.deepEqual(await balance(page, /Iberia recognition/, 'Available'), { before: available, after: available + 150_050n });
        const reference = await confirmOnce(page, context, 'Allocate money');
        await page.goto(budget);
        assert.deepEqual([await figure(page, 'Available'), await figure(page, 'Allocated')], [available + 150_050n, allocated + 150_050n]);
        assert.equal(await page.getByRole('rowheader').getByRole('link', { name: reference }).count(), 1);
      });
    });

    it(`reserves, and voids what is not needed after all ${words}`, async () => {
      await as(engine, SAMUEL, { js }, async (page, { context }) => {
        await openBudget(page, /Iberia recognition/);
        const budget = page.url();
        const [available, reserved] = [await figure(page, 'Available'), await figure(page, 'Reserved')];
        await page.getByRole('link', { name: 'Reserve', exact: true }).click();
        await page.getByLabel('Amount', { exact: true }).fill('120.00');
        await page.getByLabel('Note').fill('Vouchers for the open day');
        await check(page);
        const reservation = await confirm(page, 'Reserve');
        const posting = page.url();
        await page.getByRole('link', { name: 'Commit', exact: true }).click();
        await heading(page, 'Commit the reservation');
        await look(page, 'commitment');
        await page.goto(posting);
        await page.getByRole('link', { name: 'Void', exact: true }).click();
        await heading(page, 'Void the reservation');
        await look(page, 'void');
        await page.getByLabel('Note').fill('It rains');
        await check(page);
        assert.deepEqual(await balance(page, /Iberia recognition/, 'Reserved'), { before: reserved + 12_000n, after: reserved });
        await confirmOnce(page, context, 'Void the reservation');
        await page.getByRole('link', { name: reservation }).waitFor();
        await page.goto(budget);
        assert.deepEqual([await figure(page, 'Available'), await figure(page, 'Reserved')], [available, reserved]);
        await page.goto(posting.split('?')[0]);
        assert.equal(await page.getByRole('link', { name: 'Void', exact: true }).count(), 0, 'what is void is not voided again');
      });
    });

    it(`carries a part over into the next period ${words}`, async () => {
      await as(engine, SAMUEL, { js }, async (page, { context }) => {
        await openBudget(page, /Iberia recognition/);
        const budget = page.url();
        const available = await figure(page, 'Available');
        const next = `Iberia recognition, ${js ? 'next' : 'following'} year`;
        await page.getByRole('link', { name: 'Carry over', exact: true }).click();
        await heading(page, 'Carry over');
        await page.getByLabel('Name', { exact: true }).fill(next);
        await page.getByLabel('First day').fill(`${YEAR + 2}-01-01`);
        await page.getByLabel('Last day').fill(`${YEAR + 2}-12-31`);
        await page.getByLabel('Amount', { exact: true }).fill('10.00');
        await check(page);
        assert.deepEqual(await balance(page, /Iberia recognition FY/, 'Available'), { before: available, after: available - 1_000n });
        await look(page, 'carry-over-check');
        await confirmOnce(page, context, 'Carry over');
        await page.goto(budget);
        assert.equal(await figure(page, 'Available'), available - 1_000n);
        await openBudget(page, next);
        assert.equal(await figure(page, 'Available'), 1_000n, 'one budget, and the money in it once');
      });
    });
  });
});
