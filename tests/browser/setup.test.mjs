// An empty store: the link that is printed once, the wizard, and the first things there are to do.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withPage } from './lib/browser.mjs';
import { heading, it, menu, onEachEngine, press, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { printed, startServe } from './lib/portal.mjs';

const PASSWORD = 'four plain words together';

onEachEngine('an empty store', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`is set up through the printed link ${words}`, async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'counterfoil-setup-'));
      const running = await startServe(engine, { file: path.join(folder, 'counterfoil.db') });
      try {
        const [link] = await printed(running, /http:\/\/\S+\/setup\/\S+/);
        await withPage(running, { js }, (page) => setUp(page, link, js, (name) => js && engine === 'sqlite' && lookOver(page, name)));
        await withPage(running, { js }, (page) => comeBack(page, link, (name) => js && engine === 'sqlite' && lookOver(page, name)));
      } finally {
        await running.stop();
        rmSync(folder, { recursive: true });
      }
    });
  });
});

async function setUp(page, link, js, look) {
  await page.goto('/');
  await heading(page, /Not set up yet|Sign in/);
  await page.goto(link);
  await heading(page, 'Your organisation');
  await look('setup-organisation');
  assert.equal(await press(page, page.getByRole('button', { name: 'Continue' })), 422);
  await page.getByRole('alert').getByRole('heading', { name: 'There is a problem' }).waitFor();
  await page.getByLabel('Name', { exact: true }).fill('Fernhill Trading');
  await page.getByLabel('Time zone').fill('Europe/Lisbon');
  await page.getByRole('button', { name: 'Continue' }).click();

  await heading(page, 'Currencies');
  await look('setup-currencies');
  await page.getByLabel('The currency you report in').selectOption('EUR');
  await page.getByLabel('Others you pay rewards in').fill('GBP, JPY');
  await page.getByRole('button', { name: 'Continue' }).click();

  await heading(page, 'Regions');
  await look('setup-regions');
  if (js) {
    await page.getByLabel('Regions', { exact: true }).fill('Europe\n  Portugal\n  Spain\nAsia\n  Japan');
  } else {
    await page.getByLabel('Regions', { exact: true }).fill(
      [
        'name,parent,currency,time zone,fiscal start,cost centre',
        'Europe,,,,,',
        'Portugal,Europe,,Europe/Lisbon,1,CC-312',
        'Spain,Europe,EUR,Europe/Madrid,,',
        'Asia,,,,,',
        'Japan,Asia,JPY,Asia/Tokyo,4,',
      ].join('\n'),
    );
  }
  await page.getByRole('button', { name: 'Continue' }).click();

  await heading(page, 'People');
  await look('setup-people');
  await page.getByLabel('Your name').fill('Teresa Alves');
  await page.getByLabel('Your e-mail address').fill('teresa@fernhill.example');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('The same again').fill(`${PASSWORD}!`);
  assert.equal(await press(page, page.getByRole('button', { name: 'Finish' })), 422, 'two passwords that differ');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByText('Add others now').click();
  await page.getByLabel('People', { exact: true }).fill('Rui Pinto, rui@fernhill.example, Regional administrator, Portugal');
  await page.getByRole('button', { name: 'Finish' }).click();

  await heading(page, 'Overview');
  const tasks = page.getByRole('region', { name: 'Finish setting up' });
  await tasks.getByRole('listitem').filter({ hasText: 'Add the regions that keep budgets' }).getByText('Done').waitFor();
  await tasks.getByRole('listitem').filter({ hasText: 'Create the first budget' }).getByText('To do').waitFor();
  await look('overview-first');
  await menu(page, 'Regions');
  for (const name of ['Fernhill Trading', 'Europe', 'Portugal', 'Spain', 'Asia', 'Japan']) {
    await page.getByRole('rowheader', { name, exact: true }).waitFor();
  }
  await menu(page, 'People');
  await page.getByRole('row').filter({ hasText: 'Rui Pinto' }).getByText('Regional administrator, Portugal').waitFor();
  await menu(page, 'Transactions');
  await page.getByRole('heading', { name: 'No transactions yet' }).waitFor();
  await look('transactions-empty');
  await menu(page, 'Budgets');
  await page.getByRole('heading', { name: 'No budgets yet' }).waitFor();
  await look('budgets-empty');

  await page.goto('/');
  await tasks.getByRole('link', { name: 'Keep a list of reason codes for adjustments' }).click();
  await page.getByLabel('Code', { exact: true }).fill('campaign');
  await page.getByLabel('Label', { exact: true }).fill('Extra campaign');
  await page.getByRole('button', { name: 'Add the reason code' }).click();
  await page.getByRole('rowheader', { name: 'campaign' }).waitFor();
  await page.goto('/');
  await tasks.getByRole('listitem').filter({ hasText: 'reason codes' }).getByText('Done').waitFor();
  await tasks.getByRole('button', { name: 'Dismiss this list' }).click();
  await heading(page, 'Overview');
  assert.equal(await tasks.count(), 0);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading(page, 'You are signed out');
}

/** The link has done its work; from now on there is a password. */
async function comeBack(page, link, look) {
  await page.goto(link);
  await heading(page, 'This link cannot be used');
  await look('setup-closed');
  await page.goto('/people');
  await heading(page, 'Sign in');
  await page.getByLabel('E-mail address').fill('teresa@fernhill.example');
  await page.getByLabel('Password', { exact: true }).fill('not the right one');
  assert.equal(await press(page, page.getByRole('button', { name: 'Sign in' })), 422);
  assert.equal(await page.getByLabel('E-mail address').inputValue(), 'teresa@fernhill.example');
  await look('sign-in-wrong');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading(page, 'People');
}
