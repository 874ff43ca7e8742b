// Regions, people and settings: what is changed, and how the audit trail tells it.
import assert from 'node:assert/strict';
import { visit } from './lib/browser.mjs';
import { as, FEW, heading, it, listed, menu, onEachEngine, press, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { portal } from './lib/portal.mjs';

const INGRID = 'Ingrid Larsen';
const PASSWORD = 'four plain words together';

/** The rows of the newest event of this kind on the audit trail of what is open: field to [before, after]. */
async function event(page, link, action) {
  await page.getByRole('link', { name: link }).click();
  await heading(page, 'Audit');
  await page.getByRole('rowheader').getByRole('link', { name: action }).first().click();
  await heading(page, action);
  await page.getByText('Link in the chain holds').waitFor();
  const rows = await page.locator('section').filter({ has: page.getByRole('heading', { name: 'What changed' }) }).locator('tbody tr').all();
  const cells = await Promise.all(rows.map((row) => row.locator('th, td').allInnerTexts()));
  return Object.fromEntries(cells.map(([field, before, after]) => [field.trim(), [before.trim(), after.trim()]]));
}

/** Chooses the option of a select that says these words. */
async function choose(field, words) {
  await field.selectOption(await field.locator('option').filter({ hasText: words }).first().getAttribute('value'));
}

onEachEngine('an administrator', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`adds a region, moves it, renames it, retires it, and finds each step again ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        const name = js ? 'Canary Islands' : 'Balearic Islands';
        await menu(page, 'Regions');
        await page.getByRole('link', { name: 'Add a region' }).click();
        await heading(page, 'Add a region');
        assert.equal(await press(page, page.getByRole('button', { name: 'Add the region' })), 422);
        await choose(page.getByLabel('Part of'), 'Iberia');
        await page.getByLabel('Name', { exact: true }).fill(name);
        await page.getByLabel('Currency').selectOption('EUR');
        await page.getByLabel('Time zone').fill('Atlantic/Canary');
        await page.getByLabel('Cost centre').fill('2210');
        await page.getByRole('button', { name: 'Add the region' }).click();
        await page.getByRole('status').getByText(`${name} was added.`).waitFor();
        const region = page.url();

        await page.getByRole('link', { name: 'Move', exact: true }).click();
        await choose(page.getByLabel('New place'), 'Nordics');
        await page.getByRole('button', { name: 'See what would change' }).click();
        await page.getByRole('heading', { name: /^What changes/ }).first().waitFor();
        await page.getByRole('button', { name: 'Move', exact: true }).click();
        await heading(page, new RegExp(`^${name}`));
        await page.getByRole('navigation', { name: 'Breadcrumb' }).getByText('Nordics').waitFor();
        const moved = await event(page, 'What was done to this region', /^Region moved/);
        const places = Object.values(moved).flat().filter((text) => /Iberia|Nordics|reg_/.test(text));
        assert.ok(places.length >= 2, `where it was and where it is: ${JSON.stringify(moved)}`);

        await page.goto(region);
        await page.getByRole('link', { name: 'Edit', exact: true }).click();
        await page.getByLabel('Name', { exact: true }).fill(`${name} South`);
        await page.getByLabel('Cost centre').fill('2211');
        await page.getByRole('button', { name: 'Save' }).click();
        await page.getByRole('status').getByText('The region was changed.').waitFor();
        await heading(page, new RegExp(`^${name} South`));
        const changed = await event(page, 'What was done to this region', 'Region changed');
        assert.deepEqual([changed.name, changed['cost centre']], [[name, `${name} South`], ['2210', '2211']]);

        await page.goto(region);
        await page.getByRole('link', { name: 'Retire', exact: true }).click();
        await page.getByRole('button', { name: `Retire ${name} South` }).click();
        await page.getByRole('heading', { level: 1 }).getByText('Retired').waitFor();
        await menu(page, 'Regions');
        await page.getByRole('row').filter({ hasText: name }).getByText('Retired').waitFor();
      });
    });

    it(`lets somebody in, who chooses a password, and takes a role away again ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        const [name, email] = js ? ['Lena Vogt', 'lena.vogt@halden.example'] : ['Piet Vos', 'piet.vos@halden.example'];
        await menu(page, 'People');
        await page.getByRole('link', { name: 'Add a person' }).click();
        await page.getByLabel('Name', { exact: true }).fill(name);
        await page.getByLabel('E-mail address').fill(email);
        await choose(page.getByLabel('First role'), 'Regional HR partner');
        await choose(page.getByLabel('Region', { exact: true }), 'DACH');
        await page.getByRole('button', { name: 'Add the person' }).click();
        await heading(page, `${name} was added`);
        if (js && engine === 'sqlite') await lookOver(page, 'person-link');
        const link = await page.locator('main section .id').innerText();

        const other = await visit(await portal(engine, FEW), { js });
        try {
          const own = other.page;
          await own.goto(link);
          await heading(own, 'Choose a password');
          if (js && engine === 'sqlite') await lookOver(own, 'password-choose');
          await own.getByLabel('New password').fill(PASSWORD);
          await own.getByLabel('The same again').fill(PASSWORD);
          await own.getByRole('button', { name: 'Choose this password' }).click();
          await heading(own, 'Your password is chosen');
          await own.getByRole('link', { name: 'Sign in' }).click();
          await own.getByLabel('E-mail address').fill(email);
          await own.getByLabel('Password', { exact: true }).fill(PASSWORD);
          await own.getByRole('button', { name: 'Sign in', exact: true }).click();
          await heading(own, 'Overview');
          await menu(own, 'Budgets');
          await own.getByRole('link', { name: /^DACH recognition/ }).first().waitFor();
          assert.equal(await own.getByRole('link', { name: /^Iberia/ }).count(), 0, 'one region, no other');

          await page.getByRole('link', { name: 'Done' }).click();
          await heading(page, new RegExp(`^${name}`));
          const person = page.url();
          await page.getByRole('link', { name: /^End the role/ }).click();
          await heading(page, `End a role of ${name}`);
          await page.getByText(/budgets? goe?s? out of reach/).waitFor();
          await page.getByRole('button', { name: 'End the role' }).click();
          await page.getByRole('heading', { name: 'Roles that have ended' }).waitFor();
          await own.reload();
          assert.equal(await own.getByRole('link', { name: /^DACH/ }).count(), 0, 'the role has ended at once');

          const ended = await event(page, 'What was done to this account', /^Grant ended/);
          assert.ok(Object.keys(ended).length > 0, 'the event says what ended');
          await page.goto(person);
          const given = await event(page, 'What was done to this account', /^Grant given/);
          assert.ok(Object.values(given).some(([before, after]) => before !== after), JSON.stringify(given));
        } finally {
          await other.close();
        }
      });
    });

    it(`makes a role, sees what giving it would change, and finds out why she may ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        const role = js ? 'DACH mover' : 'DACH adjuster';
        await menu(page, 'People');
        await page.getByRole('link', { name: 'Roles', exact: true }).click();
        await page.getByRole('link', { name: 'Regional HR partner' }).click();
        await page.getByRole('link', { name: 'Make a role from it' }).click();
        await heading(page, 'Make a role');
        assert.equal(await press(page, page.getByRole('button', { name: 'Make the role' })), 422);
        await page.getByLabel('Name', { exact: true }).fill(role);
        await page.getByLabel('Adjust, transfer and reserve budget').check();
        await page.getByRole('button', { name: 'Make the role' }).click();
        await heading(page, new RegExp(`^${role}`));

        await menu(page, 'People');
        await page.getByRole('link', { name: 'Marta Ortega', exact: true }).first().click();
        await page.getByLabel('Role', { exact: true }).selectOption({ label: role });
        await choose(page.getByLabel('Region', { exact: true }), 'DACH');
        await page.getByRole('button', { name: 'See what would change' }).click();
        await heading(page, 'Give a role to Marta Ortega');
        await page.getByRole('table', { name: 'Gained: Marta Ortega' }).getByText('Adjust, transfer and reserve budget').waitFor();
        if (js && engine === 'sqlite') await lookOver(page, 'grant-check');
        await page.getByRole('button', { name: 'Give the role' }).click();
        await page.getByRole('status').getByText(`Marta Ortega is now ${role}.`).waitFor();

        await page.getByLabel('What', { exact: true }).selectOption({ label: 'Adjust, transfer and reserve budget' });
        await page.getByRole('button', { name: 'Find out' }).click();
        await page.getByText('Yes, Marta Ortega may do this in any region.').first().waitFor();
        await page.getByRole('table', { name: 'What allows it' }).getByRole('link', { name: role }).click();
        await page.getByRole('link', { name: 'Edit', exact: true }).click();
        await page.getByLabel('Adjust, transfer and reserve budget').uncheck();
        await page.getByRole('button', { name: 'See what would change' }).click();
        await page.getByRole('table', { name: 'Lost: Marta Ortega' }).getByText('Adjust, transfer and reserve budget').waitFor();
        if (js && engine === 'sqlite') await lookOver(page, 'role-check');
        await page.getByRole('button', { name: 'Change the role' }).click();
        await page.getByRole('status').getByText('The role was changed.').waitFor();
      });
    });

    it(`suspends a person, who is out at once, and finds it by person and time ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        const name = 'Marta Ortega';
        await as(engine, name, { js }, async (hers) => {
          await menu(page, 'People');
          await page.getByRole('link', { name, exact: true }).first().click();
          await heading(page, new RegExp(`^${name}`));
          const person = page.url();
          await page.getByRole('button', { name: 'Suspend', exact: true }).click();
          await page.getByRole('heading', { level: 1 }).getByText('Suspended').waitFor();
          await hers.goto('/budgets');
          await hers.getByRole('heading', { level: 1, name: 'Look around as one of them' }).waitFor();
          await page.goto(person);
          await page.getByRole('button', { name: 'Let in again' }).click();
          await page.getByRole('heading', { level: 1 }).getByText('Active').waitFor();
        });
        await menu(page, 'Audit');
        await choose(page.getByLabel('Person'), INGRID);
        await page.getByLabel('When').selectOption({ label: 'Today' });
        await page.getByRole('button', { name: 'Filter' }).click();
        await page.waitForURL(/person=usr_/);
        const rows = page.locator('tbody tr');
        await rows.filter({ hasText: 'Person suspended' }).filter({ hasText: name }).first().waitFor();
        for (const row of await rows.allInnerTexts()) assert.match(row, new RegExp(INGRID), 'nobody else');
        await page.getByLabel('When').selectOption('');
        await page.getByLabel('To', { exact: true }).fill('2020-01-01');
        await page.getByRole('button', { name: 'Filter' }).click();
        await page.getByRole('heading', { name: 'No events match these filters' }).waitFor();
      });
    });

    it(`keeps reason codes and looks ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        await menu(page, 'Settings');
        await page.getByLabel('Dark').check();
        await page.getByRole('button', { name: 'Save' }).click();
        await page.locator('html[data-theme="dark"]').waitFor();
        await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Reason codes' }).click();
        const code = js ? 'anniversary' : 'relocation';
        await page.getByLabel('Code', { exact: true }).fill(code);
        await page.getByLabel('Label', { exact: true }).fill('Ten years here');
        await page.getByRole('button', { name: 'Add the reason code' }).click();
        await page.getByRole('row').filter({ hasText: code }).getByText('Active').waitFor();
        await page.getByRole('button', { name: `Retire ${code}` }).click();
        await page.getByRole('row').filter({ hasText: code }).getByText('Retired').waitFor();
        await menu(page, 'Audit');
        await page.getByRole('row').filter({ hasText: code }).first().waitFor();
        await page.getByRole('button', { name: 'Verify the chain' }).click();
        await page.getByRole('status').getByText(/All \d+ events are as they were sealed/).waitFor();
      });
    });

    it(`finds behind each figure of the overview what it counts ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        await page.goto('/');
        const lines = page.getByRole('region', { name: 'Active budgets by currency' }).last().locator('tbody tr');
        const [currency, count, total, reserved, spent, available] = await lines.first().locator('th, td').allInnerTexts();
        await lines.first().getByRole('link').click();
        await heading(page, 'Budgets');
        assert.equal(await listed(page), Number(count));
        const sum = await page.locator('tfoot tr').first().locator('td').allInnerTexts();
        assert.equal(sum[5], currency);
        assert.deepEqual(sum.slice(2, 5), [reserved, spent, available], `${total} ${currency} in all`);

        await page.goto('/');
        const month = page.locator('svg a[href^="/transactions"]').last();
        const words = (await month.getAttribute('aria-label')) ?? (await month.innerText());
        const [, amount, code, rewards] = /: ([\d.,\u2212]+) (\w+) in ([\d,]+) transactions/.exec(words);
        await page.goto(await month.getAttribute('href'));
        assert.equal(await listed(page), Number(rewards.replaceAll(',', '')));
        assert.match((await page.locator('tfoot tr').allInnerTexts()).join(), new RegExp(`${amount.replaceAll('.', '\\.')}\\s+${code}`));
      });
    });
  });
});
