// The pages that every look, width and colour scheme is checked on. A new page gets a line here.

/** The address of the first thing on a list page; null when this person sees none. */
const first = (list, prefix) => async (page) => {
  await page.goto(list);
  const links = page.locator(`main a[href^="${prefix}"]`);
  return (await links.count()) > 0 ? (await links.first().getAttribute('href')).split(/[?#]/)[0] : null;
};

/** Open to everybody, signed in or not. */
export const PUBLIC_PAGES = [
  { name: 'sign-in', path: '/sign-in' },
  { name: 'signed-out-404', path: '/no-such-page', status: [200, 404] },
];

/** For people who have signed in. `path` may be found by looking; `status` lists what is a proper answer for some role. */
export const PAGES = [
  { name: 'overview', path: '/' },
  { name: 'regions', path: '/regions' },
  { name: 'region', path: first('/regions', '/regions/reg_') },
  { name: 'budgets', path: '/budgets' },
  { name: 'budget', path: first('/budgets', '/budgets/bud_') },
  { name: 'transactions', path: '/transactions' },
  { name: 'transactions-none', path: '/transactions?q=nothing-is-called-so' },
  { name: 'transaction', path: first('/transactions', '/transactions/txn_') },
  { name: 'imports', path: '/imports', status: [200, 403] },
  { name: 'exports', path: '/exports', status: [200, 403] },
  { name: 'audit', path: '/audit', status: [200, 403] },
  { name: 'people', path: '/people', status: [200, 403] },
  { name: 'settings', path: '/settings', status: [200, 403] },
  { name: '404', path: '/budgets/bud_00000000000000000000000000', status: 404 },
];

/** Opens it and returns false where there is nothing to open for this person; a status that nobody expects is an error. */
export async function open(page, { name, path, status = 200 }) {
  const address = typeof path === 'function' ? await path(page) : path;
  if (address === null) return false;
  const answer = (await page.goto(address)).status();
  if (![status].flat().includes(answer)) throw new Error(`${name} (${address}) answers ${answer}, not ${status}`);
  return true;
}
