// A second factor from its set-up to the day the phone is gone, and a role that waits until somebody else agrees.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { visit } from './lib/browser.mjs';
import { as, FEW, heading, it, menu, onEachEngine, press, withAndWithoutScript } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { portal } from './lib/portal.mjs';

const INGRID = 'Ingrid Larsen';
const PASSWORD = 'seven green umbrellas sleep';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What an authenticator app shows now for a key that was typed into it. */
function code(key) {
  const bits = [...key.replaceAll(' ', '')].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac('sha1', secret).update(step).digest();
  const at = tag[19] & 15;
  return String((tag.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Chooses the option of a select that says these words. */
async function choose(field, words) {
  await field.selectOption(await field.locator('option').filter({ hasText: words }).first().getAttribute('value'));
}

/** Adds somebody; the link by which she chooses her password. */
async function added(page, name, email) {
  await menu(page, 'People');
  await page.getByRole('link', { name: 'Add a person' }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('E-mail address').fill(email);
  await choose(page.getByLabel('First role'), 'Regional HR partner');
  await choose(page.getByLabel('Region', { exact: true }), 'DACH');
  await page.getByRole('button', { name: 'Add the person' }).click();
  await heading(page, `${name} was added`);
  return page.locator('main section .id').innerText();
}

async function withPassword(page, email) {
  await page.goto('/sign-in');
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function signOut(page) {
  await page.getByRole('button', { name: 'Sign out', exact: true }).first().click();
  await page.waitForURL(/sign(ed)?-(in|out)/);
}

onEachEngine('a second factor', (engine) => {
  withAndWithoutScript((js, words) => {
    it(`is set up with an app, and a recovery code lets in once ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        const [name, email] = js ? ['Hanna Wolf', 'hanna.wolf@halden.example'] : ['Jonas Frei', 'jonas.frei@halden.example'];
        const link = await added(page, name, email);
        const other = await visit(await portal(engine, FEW), { js });
        try {
          const own = other.page;
          const look = async (of) => {
            if (js && engine === 'sqlite') await lookOver(own, of);
          };
          await own.goto(link);
          await own.getByLabel('New password').fill(PASSWORD);
          await own.getByLabel('The same again').fill(PASSWORD);
          await own.getByRole('button', { name: 'Choose this password' }).click();
          await heading(own, 'Your password is chosen');
          await withPassword(own, email);
          await heading(own, 'Overview');

          await own.goto('/settings/second-factor');
          const key = await own.locator('[data-copy]').first().getAttribute('data-copy');
          await own.getByLabel('Your password').fill(PASSWORD);
          await own.getByLabel('Code from the app').fill('000000');
          assert.equal(await press(own, own.getByRole('button', { name: 'Set it up' })), 422);
          await own.getByLabel('Your password').fill(PASSWORD);
          await own.getByLabel('Code from the app').fill(code(key));
          await own.getByRole('button', { name: 'Set it up' }).click();
          await heading(own, 'Your recovery codes');
          await look('recovery-codes');
          const codes = await own.locator('main li .id').allInnerTexts();
          assert.equal(codes.length, 10);
          await own.getByRole('link', { name: 'I have kept them' }).click();
          await own.goto('/settings/second-factor');
          await own.getByText('Recovery codes left: 10.').waitFor();
          assert.ok(!(await own.content()).includes(codes[0]), 'they are shown once');
          await look('second-factor-there');

          await signOut(own);
          await withPassword(own, email);
          await heading(own, 'Enter your code');
          await look('sign-in-code');
          await own.getByLabel('Code', { exact: true }).fill(codes[3]);
          await own.getByRole('button', { name: 'Sign in', exact: true }).click();
          await heading(own, 'Overview');
          await signOut(own);
          await withPassword(own, email);
          await heading(own, 'Enter your code');
          await own.getByLabel('Code', { exact: true }).fill(codes[3]);
          assert.equal(await press(own, own.getByRole('button', { name: 'Sign in', exact: true })), 422, 'each lets in once');
        } finally {
          await other.close();
        }
      });
    });

    it(`does not make a role come sooner than it is agreed to ${words}`, async () => {
      await as(engine, INGRID, { js }, async (page) => {
        const name = js ? 'Marta Ortega' : 'Samuel Adeyemi';
        await page.goto('/settings/approvals');
        await page.getByLabel('What', { exact: true }).selectOption({ label: 'Role changes' });
        await choose(page.getByLabel('Region, and everything below it'), 'DACH');
        await page.getByRole('button', { name: 'Add the policy' }).click();
        await page.getByRole('button', { name: /^End the policy: Role changes/ }).waitFor();
        await menu(page, 'People');
        await page.getByRole('link', { name, exact: true }).first().click();
        await heading(page, new RegExp(`^${name}`));
        const person = page.url();
        await choose(page.getByLabel('Role', { exact: true }), 'Auditor');
        await choose(page.getByLabel('Region', { exact: true }), 'DACH');
        await page.getByRole('button', { name: 'See what would change' }).click();
        await page.getByRole('button', { name: 'Ask for approval' }).click();
        await page.getByRole('status').getByText(/waits for approval/).waitFor();
        await page.getByText(/Auditor in DACH waits for approval: APR-/).waitFor();
        if (js && engine === 'sqlite') await lookOver(page, 'person-waits');
        assert.equal(await page.getByRole('table', { name: /^Roles of .* in force/ }).getByText('Auditor').count(), 0, 'she has it not yet');
        await page.getByRole('listitem').getByRole('link', { name: /^APR-/ }).click();
        await page.getByRole('button', { name: 'Withdraw the request' }).click();
        await page.getByText('The request was withdrawn.').waitFor();
        await page.goto(person);
        assert.equal(await page.getByText(/waits for approval/).count(), 0, 'it does not wait any more');
        await page.goto('/settings/approvals');
        await page.getByRole('button', { name: /^End the policy: Role changes/ }).click();
      });
    });
  });
});
