// One Chromium per process; contexts that notice what a person would not: console errors, policy violations, lost and foreign requests.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const SWITCHES = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--force-color-profile=srgb', '--font-render-hinting=none',
];

/** Far more than any page takes: the machine may be busy, and a file is looked through while its upload is answered. */
const WAIT_MS = 60_000;

let launched;

function executable() {
  if (process.env.COUNTERFOIL_CHROMIUM) return process.env.COUNTERFOIL_CHROMIUM;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file));
  assert.ok(found, 'no Chromium on the PATH: run `bash tests/run`, or set COUNTERFOIL_CHROMIUM');
  return found;
}

/** The browser of this process. */
export function browser() {
  launched ??= chromium.launch({ executablePath: executable(), args: SWITCHES });
  return launched;
}

after(async () => (await launched)?.close());

/**
 * A context with one page. `person` (a name on the demo's sign-in page) signs in. `close()` fails on anything that went wrong unseen;
 * `allow` lists expressions for what a test provokes on purpose. Motion is reduced: a page that still fades in takes no click.
 */
export async function visit(portal, { js = true, dark = false, width = 1440, height, reducedMotion = true, person, allow = [] } = {}) {
  const context = await (await browser()).newContext({
    baseURL: portal.url,
    javaScriptEnabled: js,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    viewport: { width, height: height ?? (width < 600 ? 844 : 900) },
    hasTouch: width < 600,
    locale: 'en-GB',
    timezoneId: 'Europe/Zurich',
    acceptDownloads: true,
  });
  context.setDefaultTimeout(WAIT_MS);
  const trouble = watch(context, portal.url);
  const page = await context.newPage();
  if (person) await signIn(page, person);
  const check = () => {
    const left = trouble.filter((line) => !allow.some((pattern) => pattern.test(line)));
    trouble.length = 0;
    assert.deepEqual(left, [], 'the browser reported trouble');
  };
  const close = async () => {
    await context.close();
    check();
  };
  return { context, page, check, close };
}

/**
 * `visit` in a browser that keeps pages for its Back button, as people's browsers do; `back()` presses it. Such a page comes back without
 * being loaded, so nothing but its content tells that it is there. The browser ends with `use`, however that ends: one that is left running
 * keeps its test file from ending.
 */
export async function keepingPages(portal, { js = true, person }, use) {
  const own = await chromium.launch({ executablePath: executable(), args: SWITCHES, ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  try {
    const context = await own.newContext({ baseURL: portal.url, javaScriptEnabled: js, reducedMotion: 'reduce' });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    if (person) await signIn(page, person);
    const back = async () => {
      const devtools = await context.newCDPSession(page);
      const { currentIndex, entries } = await devtools.send('Page.getNavigationHistory');
      await devtools.send('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1].id });
    };
    await use(page, back);
  } finally {
    await own.close();
  }
}

/** `visit`, then `use`, then `close`, which also happens when `use` throws. */
export async function withPage(portal, mode, use) {
  const opened = await visit(portal, mode);
  try {
    await use(opened.page, opened);
  } catch (error) {
    await opened.context.close();
    throw error;
  }
  await opened.close();
}

function watch(context, own) {
  const trouble = [];
  context.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${own}/`) && !/^(data|blob|about):/.test(url)) trouble.push(`request to another host: ${url}`);
  });
  context.on('requestfailed', (request) => {
    // Whoever goes on, downloads or presses again ends what was still on its way; what is really lost has another word.
    const why = request.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') trouble.push(`request failed: ${request.url()} ${why}`);
  });
  context.on('response', (response) => {
    const bad = response.request().isNavigationRequest() ? response.status() >= 500 : response.status() >= 400;
    if (bad) trouble.push(`status ${response.status()}: ${response.url()}`);
  });
  context.on('console', (message) => {
    // The status of a response is judged above; what remains is errors of the script and violations of the policy.
    const text = message.text();
    const isStatus = text.startsWith('Failed to load resource: the server responded');
    if ((message.type() === 'error' && !isStatus) || /Content[- ]Security[- ]Policy/i.test(text)) trouble.push(`console: ${text}`);
  });
  context.on('weberror', (error) => {
    // The browser's own word for a picture that it left out between two pages; no script of ours asks for one.
    const { message } = error.error();
    if (!/^(Transition was (aborted|skipped)|Skipped ViewTransition)/.test(message)) trouble.push(`script: ${message}`);
  });
  return trouble;
}

const DEMO_BUTTON = 'form[action^="/demo/sign-in"] button, form[action^="/sign-in/demo"] button';

/** The names on the demo's sign-in page. */
export async function people(portal) {
  const { page, close } = await visit(portal);
  await page.goto('/sign-in');
  const names = await page.locator(DEMO_BUTTON).evaluateAll((buttons) =>
    buttons.map((button) => (button.querySelector('.name, [data-name]') ?? button).textContent.trim().split('\n')[0]),
  );
  await close();
  assert.ok(names.length > 0, 'the demo lists nobody on its sign-in page');
  return names;
}

/** One click on the demo's sign-in page. */
export async function signIn(page, person) {
  await page.goto('/sign-in');
  const button = page.locator(DEMO_BUTTON).filter({ hasText: person }).first();
  await Promise.all([page.waitForURL((url) => !url.pathname.startsWith('/sign-in')), button.click()]);
}
