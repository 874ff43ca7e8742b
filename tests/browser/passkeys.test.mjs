// Passkeys, with an authenticator that the browser plays itself.
import assert from 'node:assert/strict';
import { withPage } from './lib/browser.mjs';
import { FEW, heading, it, onEachEngine } from './lib/journey.mjs';
import { portal } from './lib/portal.mjs';

const OWEN = 'Owen Byrne';
const AUTHENTICATOR = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
};

/** The demo under a name: browsers make no passkey for an address of numbers. */
async function named(engine) {
  const running = await portal(engine, FEW);
  return { ...running, url: running.url.replace('127.0.0.1', 'localhost') };
}

onEachEngine('a passkey', (engine) => {
  it('is added, signs in alone and as second factor, and is removed', async () => {
    await withPage(await named(engine), { person: OWEN }, async (page, { context }) => {
      const devtools = await context.newCDPSession(page);
      await devtools.send('WebAuthn.enable');
      const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: AUTHENTICATOR });
      await page.goto('/settings/passkeys');
      await page.getByLabel('Name').fill('Test phone');
      await page.getByRole('button', { name: 'Add a passkey' }).click();
      await page.getByText('The passkey was added').waitFor();
      await page.getByRole('rowheader', { name: 'Test phone' }).waitFor();
      const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
      assert.deepEqual(credentials.map((one) => [one.rpId, one.isResidentCredential]), [['localhost', true]]);

      await page.getByRole('button', { name: 'Sign out' }).click();
      await heading(page, 'You are signed out');
      await page.goto('/sign-in?next=/budgets');
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
      await heading(page, 'Budgets');

      await page.getByRole('button', { name: 'Sign out' }).click();
      await heading(page, 'You are signed out');
      await page.goto('/sign-in?next=/budgets');
      await page.getByRole('button', { name: OWEN }).click();
      await heading(page, 'Use your passkey');
      await page.goto('/budgets');
      await heading(page, 'Look around as one of them');
      await page.goto('/sign-in/code');
      await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
      await page.getByRole('button', { name: 'Use a passkey' }).click();
      await page.getByText('No passkey was used').waitFor();
      await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
      await page.getByRole('button', { name: 'Use a passkey' }).click();
      await heading(page, 'Budgets');

      await page.goto('/settings/passkeys');
      await page.getByRole('button', { name: 'Remove Test phone' }).click();
      await page.getByText('The passkey was removed').waitFor();
    });
  });

  it('is not offered where no script could ask for it', async () => {
    await withPage(await named(engine), { js: false, person: OWEN }, async (page) => {
      await page.goto('/settings/passkeys');
      await page.getByText('Passkeys need a browser that has them, with JavaScript on').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Add a passkey' }).count(), 0);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.goto('/sign-in');
      assert.equal(await page.getByRole('button', { name: 'Sign in with a passkey' }).count(), 0);
    });
  });
});
