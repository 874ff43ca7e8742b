// The end of a session: announced, put off, and nothing that was typed lost by it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withPage } from './lib/browser.mjs';
import { as, FEW, heading, it, onEachEngine, withAndWithoutScript } from './lib/journey.mjs';
import { portal, printed, startServe } from './lib/portal.mjs';

const OWEN = 'Owen Byrne';
const SESSION = '__Host-counterfoil';

/** The form that adjusts the first active budget, filled in up to the page on which the answers are checked. */
async function fillIn(page) {
  await page.goto('/budgets?status=active&view=table');
  const budget = (await page.locator('main a[href^="/budgets/bud_"]').first().getAttribute('href')).split(/[?#]/)[0];
  await page.goto(`${budget}/adjustments/check?direction=up&amount=1000&reason_code=campaign&note=Two+weeks+longer`);
  await heading(page, /^Check/);
}

/** An organisation with one person in it, who is signed in afterwards. */
async function setUp(page, link) {
  const password = 'four plain words together';
  await page.goto(link);
  await page.getByLabel('Name', { exact: true }).fill('Fernhill Trading');
  await page.getByLabel('Time zone').fill('Europe/Lisbon');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('The currency you report in').selectOption('EUR');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('Regions', { exact: true }).fill('Europe');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('Your name').fill('Teresa Alves');
  await page.getByLabel('Your e-mail address').fill('teresa@fernhill.example');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('The same again').fill(password);
  await page.getByRole('button', { name: 'Finish' }).click();
  await heading(page, 'Overview');
}

onEachEngine('the end of a session', (engine) => {
  it('is announced two minutes before, put off by one click, and comes', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'counterfoil-sessions-'));
    // The demo's sessions last as long as they do by default: longer than a test.
    const environment = { COUNTERFOIL_SESSION_IDLE_MINUTES: '3' };
    const running = await startServe(engine, { file: path.join(folder, 'counterfoil.db'), environment });
    try {
      const [link] = await printed(running, /http:\/\/\S+\/setup\/\S+/);
      await withPage(running, {}, async (page, { context }) => {
        await setUp(page, link);
        await page.goto('/budgets');
        const dialog = page.getByRole('alertdialog', { name: 'You will be signed out in two minutes' });
        assert.equal(await page.locator('body').getAttribute('data-idle'), '30');
        await page.waitForResponse((answer) => answer.url().endsWith('/session'));
        assert.equal(await dialog.count(), 0, 'more than two minutes are left');
        await dialog.waitFor();
        await page.getByRole('button', { name: 'Stay signed in' }).click();
        await dialog.waitFor({ state: 'detached' });
        await context.clearCookies({ name: SESSION });
        await heading(page, 'Sign in');
      });
    } finally {
      await running.stop();
      rmSync(folder, { recursive: true });
    }
  }, 240_000);

  it('keeps what was typed on the page, and says so', async () => {
    await as(engine, OWEN, {}, async (page, { context }) => {
      await page.clock.install();
      await page.goto('/settings');
      await page.getByLabel('Dark').check();
      await context.clearCookies({ name: SESSION });
      await page.clock.fastForward(Number(await page.locator('body').getAttribute('data-idle')) * 1000 + 1000);
      await page.getByRole('alertdialog', { name: 'You were signed out' }).waitFor();
      await page.getByRole('button', { name: 'Go on' }).click();
      assert.ok(await page.getByLabel('Dark').isChecked());
    });
  });

  withAndWithoutScript((js, words) => {
    it(`loses nothing that was typed ${words}`, async () => {
      await withPage(await portal(engine, FEW), { js, person: OWEN }, async (page, { context }) => {
        await fillIn(page);
        await context.clearCookies({ name: SESSION });
        await page.locator('main form[method=post] button').last().click();
        await page.getByText('What you sent is kept').waitFor();
        await page.getByRole('button', { name: OWEN }).click();
        await heading(page, /^Check/);
        await page.getByText('Two weeks longer').waitFor();
        await page.locator('main form[method=post] button').last().click();
        await page.waitForURL(/\/(postings|approvals)\//);
      });
    });
  });

  it('comes to another device from the list of devices', async () => {
    const running = await portal(engine, FEW);
    await withPage(running, { person: OWEN }, async (page) => {
      await withPage(running, { person: OWEN, js: false }, async (other) => {
        await page.goto('/settings/sessions');
        await page.getByText('This one').waitFor();
        await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
        await page.getByText('You were signed out everywhere else').waitFor();
        assert.equal(await page.locator('main tbody tr').count(), 1);
        await other.goto('/budgets');
        await heading(other, 'Look around as one of them');
      });
    });
  });
});
