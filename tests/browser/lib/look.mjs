// What a page looks like from outside: nothing sideways, not too heavy, and a picture to judge by eye.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { axe } from './axe.mjs';
import { TARGET } from './portal.mjs';

const SCREENS = path.join(TARGET, 'screens');
/** Bytes over the wire, compressed, for one page. */
const LIMITS = { html: 30_000, css: 8_000, js: 6_000 };

/** The page may not scroll sideways; a table may, inside its own region. */
export async function noSidewaysScroll(page, where) {
  const { wide, window, who } = await page.evaluate(() => {
    const root = document.scrollingElement;
    const clipped = (element) => {
      for (let up = element.parentElement; up && up !== root; up = up.parentElement) {
        if (getComputedStyle(up).overflowX !== 'visible') return true;
      }
      return false;
    };
    const beyond = [...document.body.querySelectorAll('*')].filter(
      (element) => element.getBoundingClientRect().right > root.clientWidth + 1 && !clipped(element),
    );
    return {
      wide: root.scrollWidth,
      window: root.clientWidth,
      who: beyond.slice(0, 5).map((element) => `<${element.localName} class="${element.getAttribute('class') ?? ''}">`),
    };
  });
  assert.ok(wide <= window, `${where ?? page.url()} scrolls sideways: ${wide} px in ${window} px, because of ${who.join(', ')}`);
}

/**
 * Everything above and axe on the page as it stands in the middle of a journey: wide and light, narrow and dark. For pages that no address
 * leads to afresh; needs JavaScript.
 */
export async function lookOver(page, name) {
  const before = page.viewportSize();
  for (const { width, dark } of [{ width: 1440, dark: false }, { width: 390, dark: true }]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
    const where = `${name} (${width} px, ${dark ? 'dark' : 'light'})`;
    await noSidewaysScroll(page, where);
    await axe(page, where);
    await picture(page, name, { width, dark });
  }
  await page.setViewportSize({ width: 320, height: 900 });
  await noSidewaysScroll(page, `${name} at 320 px`);
  await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Fetches the page with its style sheets and scripts as a browser would and holds the sizes against the limits. */
export async function weigh(page, where) {
  const assets = await page.evaluate(() => ({
    css: [...document.querySelectorAll('link[rel~="stylesheet"]')].map((link) => link.href),
    js: [...document.querySelectorAll('script[src]')].map((script) => script.src),
  }));
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  for (const [kind, addresses] of Object.entries({ html: [page.url()], ...assets })) {
    const sizes = await Promise.all(addresses.map((address) => compressedBytes(address, cookie)));
    const sum = sizes.reduce((total, size) => total + size, 0);
    assert.ok(sum <= LIMITS[kind], `${where ?? page.url()}: ${sum} bytes of ${kind} over the wire, ${LIMITS[kind]} are enough`);
  }
}

function compressedBytes(address, cookie) {
  return new Promise((resolve, reject) => {
    const request = http.get(address, { headers: { cookie, 'accept-encoding': 'gzip', accept: '*/*' } }, (response) => {
      let size = 0;
      response.on('data', (chunk) => (size += chunk.length)).on('end', () => resolve(size)).on('error', reject);
    });
    request.on('error', reject);
  });
}

/** `target/screens/{name}-{width}-{light|dark}.png`, the whole page. */
export async function picture(page, name, { width = 1440, dark = false } = {}) {
  mkdirSync(SCREENS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENS, `${name}-${width}-${dark ? 'dark' : 'light'}.png`), fullPage: true, animations: 'disabled' });
}
