// What the journeys of money share: a budget, its form, its check, its confirmation.
import assert from 'node:assert/strict';
import { heading, menu, minor, press, tick, typed } from './journey.mjs';

/** From the menu to a budget that money can leave. */
export async function openBudget(page, name) {
  await menu(page, 'Budgets');
  await tick(page, 'Status', 'Active');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByRole('list', { name: 'Filters in use' }).getByText('Status: Active').waitFor();
  await page.getByRole('rowheader').getByRole('link', { name }).first().click();
  await page.getByRole('heading', { name: 'Statement' }).waitFor();
}

/** What the check page says of a budget: `{ before, after }` of a line. */
export async function balance(page, budget, label) {
  const panel = page.getByRole('region', { name: 'Balances before and after' }).locator('.panel')
    .filter({ has: page.getByRole('heading', { name: budget }) });
  const line = panel.locator('dl > div').filter({ has: page.getByText(label, { exact: true }) });
  return { before: minor(await line.locator('.was').innerText()), after: minor(await line.locator('.changed').innerText()) };
}

/** Fills the form of an adjustment and goes on to its check. */
export async function askToAdjust(page, direction, amount) {
  await page.getByRole('link', { name: 'Adjust', exact: true }).click();
  await heading(page, 'Adjust');
  await page.getByLabel(direction, { exact: true }).check();
  await page.getByLabel('Amount', { exact: true }).fill(typed(amount));
  await page.getByLabel('Reason').selectOption({ label: 'Extra campaign' });
  await page.getByLabel('Note').fill('The campaign runs two weeks longer');
  return press(page, page.getByRole('button', { name: 'Check the answers' }));
}

/** Presses the last button and returns the reference. */
export async function confirm(page, name) {
  await page.getByRole('button', { name, exact: true }).click();
  await heading(page, 'Done');
  return page.locator('.confirm .ref').innerText();
}

/**
 * Sends the check page, then tries everything that people do by mistake: the same form from another tab, a reload, and Back. Whatever they
 * do, it leads to one reference, which is returned.
 */
export async function confirmOnce(page, context, name) {
  const again = await context.newPage();
  await again.goto(page.url());
  const reference = await confirm(page, name);
  assert.equal(await confirm(again, name), reference, 'the same form sent again shows the same reference');
  await again.close();
  await page.reload();
  assert.equal(await page.locator('.confirm .ref').innerText(), reference, 'so does a reload');
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: /^(Done|Check the answers)$/ }).waitFor();
  if (await page.getByRole('button', { name, exact: true }).count()) await confirm(page, name);
  assert.equal(await page.locator('.confirm .ref').innerText(), reference, 'and so does Back');
  return reference;
}
