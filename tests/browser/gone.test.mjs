// A disk that is full and a database that is away: what a person reads then, and that the same form goes through afterwards, once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe } from 'node:test';
import { withPage } from './lib/browser.mjs';
import { FEW, figure, heading, it, press, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { openBudget } from './lib/money.mjs';
import { startDemo } from './lib/portal.mjs';

/** A finance controller: sees every region. */
const SAMUEL = 'Samuel Adeyemi';

/** A demo of its own: `use(portal)`. */
async function ownDemo(engine, use) {
  const running = await startDemo(engine, FEW);
  try {
    await use(running);
  } finally {
    await running.stop();
  }
}

/** The last page of a reservation, ready to be sent: returns the budget's address and what was reserved before. */
async function readyToReserve(page) {
  await openBudget(page, /Iberia recognition/);
  const budget = { url: page.url(), reserved: await figure(page, 'Reserved') };
  await page.getByRole('link', { name: 'Reserve', exact: true }).click();
  await page.getByLabel('Amount', { exact: true }).fill('120.00');
  await page.getByLabel('Note').fill('Vouchers for the open day');
  await page.getByRole('button', { name: 'Check the answers' }).click();
  await heading(page, 'Check the answers');
  return budget;
}

const send = (page) => press(page, page.getByRole('button', { name: 'Reserve', exact: true }));

/** Back to the form, which is sent again; then exactly one reservation is there. */
async function sendAgain(page, budget) {
  await page.goBack();
  await heading(page, 'Check the answers');
  assert.equal(await send(page), 200);
  await heading(page, 'Done');
  await page.goto(budget.url);
  assert.equal(await figure(page, 'Reserved'), budget.reserved + 12_000n);
}

describe('a database', () => {
  withAndWithoutScript((js, words) => {
    // A file is always there for the program that has it open: only a server goes away.
    it(`that is away is said, and the same form is done once when it is back ${words}`, async () => {
      await ownDemo('postgres', async (running) => {
        await withPage(running, { js, person: SAMUEL, allow: [/^status 503: /] }, async (page) => {
          const budget = await readyToReserve(page);
          running.database.open(false);
          assert.equal(await send(page), 503);
          await heading(page, 'The portal cannot reach its database');
          await page.getByText('the same form sent again is done once only').waitFor();
          if (js) await lookOver(page, 'problem-503');
          running.database.open(true);
          await sendAgain(page, budget);
        });
      });
    });

    // How a disk is full is a matter of the server where PostgreSQL keeps the data.
    it(`whose disk is full can be read, and the same form is done once when there is room ${words}`, async () => {
      await ownDemo('sqlite', async (running) => {
        const largest = (bytes) => execFileSync('prlimit', ['--pid', String(running.process.pid), `--fsize=${bytes}:`]);
        await withPage(running, { js, person: SAMUEL, allow: [/^status 507: /] }, async (page, { context }) => {
          const budget = await readyToReserve(page);
          largest(4096);
          assert.equal(await send(page), 507);
          await heading(page, 'The disk is full');
          if (js) await lookOver(page, 'problem-507');
          const other = await context.newPage();
          await other.goto(budget.url);
          assert.equal(await figure(other, 'Reserved'), budget.reserved, 'reading works on, and nothing of what was refused is there');
          await other.close();
          largest('unlimited');
          await sendAgain(page, budget);
        });
      });
    });
  });
});
