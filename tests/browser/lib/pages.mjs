// The pages that every look, width and colour scheme is checked on. A new page gets a line here.

const ACTIVE = '/budgets?status=active&view=table';
/** What only some may do: 403 is the proper answer to the others. */
const SOME = [200, 403];

/** The address of the first thing on a list page; null when this person sees none. */
const first = (list, prefix) => async (page) => {
  await page.goto(list);
  const links = page.locator(`main a[href^="${prefix}"]`);
  return (await links.count()) > 0 ? (await links.first().getAttribute('href')).split(/[?#]/)[0] : null;
};

/** The address below the first thing on a list page: its `below`, such as `/edit`. */
const below = (list, prefix, path) => async (page) => {
  const found = await first(list, prefix)(page);
  return found && `${found}${path}`;
};

/** The newest posting of the first budget that is active. */
const posting = (path) => async (page) => {
  await page.goto(await first(ACTIVE, '/budgets/bud_')(page));
  const links = page.locator('#statement a[href^="/postings/pst_"]');
  return (await links.count()) > 0 ? `${await links.first().getAttribute('href')}${path}` : null;
};

/** The check page of a move of the last region directly below the first one. */
const regionMove = async (page) => {
  await page.goto('/regions');
  const links = page.locator('main a[href^="/regions/reg_"]');
  const count = await links.count();
  if (count === 0) return null;
  const [to, from] = [await links.first().getAttribute('href'), await links.last().getAttribute('href')];
  return `${from}/move/check?parent=${to.replace('/regions/', '')}`;
};

/** The recipient of the first transaction. */
const recipient = (path) => async (page) => {
  await page.goto(await first('/transactions', '/transactions/txn_')(page));
  const links = page.locator('main a[href^="/recipients/rcp_"]');
  return (await links.count()) > 0 ? `${await links.first().getAttribute('href')}${path}` : null;
};

const UP = { direction: 'up', amount: '1000', reason_code: 'campaign', note: 'Two weeks longer' };

/** The check page of a form with something filled in. */
const check = (noun, fields) => below(ACTIVE, '/budgets/bud_', `/${noun}/check?${new URLSearchParams(fields)}`);

/** Open to everybody, signed in or not. */
export const PUBLIC_PAGES = [
  { name: 'sign-in', path: '/sign-in' },
  { name: 'signed-out', path: '/signed-out' },
  { name: 'forgotten-password', path: '/forgotten-password' },
  { name: 'forgotten-password-asked', path: '/forgotten-password/asked' },
  { name: 'password-link-gone', path: '/password/none', status: 404 },
  { name: 'signed-out-404', path: '/no-such-page', status: [200, 404] },
];

/** For people who have signed in. `path` may be found by looking; `status` lists what is a proper answer for some role. */
export const PAGES = [
  { name: 'overview', path: '/' },
  { name: 'regions', path: '/regions' },
  { name: 'region', path: first('/regions', '/regions/reg_') },
  { name: 'budgets', path: '/budgets' },
  { name: 'budget', path: first('/budgets', '/budgets/bud_') },
  { name: 'approvals', path: '/approvals' },
  { name: 'approval', path: first('/approvals?view=waiting', '/approvals/apr_') },
  { name: 'transactions', path: '/transactions' },
  { name: 'transactions-none', path: '/transactions?q=nothing-is-called-so' },
  { name: 'transaction', path: first('/transactions', '/transactions/txn_') },
  { name: 'recipient', path: recipient('') },
  { name: 'imports', path: '/imports', status: SOME },
  { name: 'exports', path: '/exports', status: SOME },
  { name: 'audit', path: '/audit', status: SOME },
  { name: 'audit-proof', path: '/audit/proof', status: SOME },
  { name: 'evidence', path: '/evidence', status: SOME },
  { name: 'evidence-duties', path: '/evidence/duties', status: SOME },
  { name: 'evidence-reviews', path: '/evidence/reviews', status: SOME },
  { name: 'people', path: '/people', status: SOME },
  { name: 'roles', path: '/roles', status: SOME },
  { name: 'role', path: '/roles/auditor', status: SOME },
  { name: 'settings', path: '/settings', status: SOME },
  { name: 'prove', path: '/prove' },
  { name: 'passkeys', path: '/settings/passkeys' },
  { name: 'sessions', path: '/settings/sessions' },
  { name: '404', path: '/budgets/bud_00000000000000000000000000', status: 404 },
];

/** For whoever may do everything: the forms, and other states of the pages above. */
export const MORE_PAGES = [
  { name: 'budgets-table', path: ACTIVE },
  { name: 'budgets-attention', path: '/budgets?view=table&attention=overspent&attention=running_out&sort=-utilisation' },
  { name: 'budgets-none', path: '/budgets?q=nothing-is-called-so' },
  { name: 'budget-new', path: '/budgets/new' },
  { name: 'budget-edit', path: below(ACTIVE, '/budgets/bud_', '/edit') },
  { name: 'budget-close', path: below(ACTIVE, '/budgets/bud_', '/closure/new') },
  { name: 'allocation', path: below(ACTIVE, '/budgets/bud_', '/allocations/new') },
  { name: 'adjustment', path: below(ACTIVE, '/budgets/bud_', '/adjustments/new') },
  { name: 'adjustment-check', path: check('adjustments', UP) },
  { name: 'adjustment-wrong', path: check('adjustments', { amount: 'much' }), status: 422 },
  { name: 'adjustment-waits', path: check('adjustments', { ...UP, amount: '90000' }) },
  { name: 'approvals-decided', path: '/approvals?view=ended' },
  { name: 'approvals-filtered', path: '/approvals?view=ended&matter=adjustment&amount=1' },
  { name: 'approvals-none', path: '/approvals?view=waiting&to=2020-01-01' },
  { name: 'approval-decided', path: first('/approvals?view=ended', '/approvals/apr_') },
  { name: 'transfer', path: below(ACTIVE, '/budgets/bud_', '/transfers/new') },
  { name: 'reservation', path: below(ACTIVE, '/budgets/bud_', '/reservations/new') },
  { name: 'carry-over', path: below(ACTIVE, '/budgets/bud_', '/carry-overs/new') },
  { name: 'posting', path: posting('') },
  { name: 'reversal', path: posting('/reversal/new'), status: [200, 422] },
  { name: 'transactions-filtered', path: '/transactions?delivery_status=failed&amount_min=5&sort=-amount' },
  { name: 'transaction-assignment', path: below('/transactions', '/transactions/txn_', '/assignment') },
  { name: 'recipient-erasure', path: recipient('/erasure') },
  { name: 'import-new', path: '/imports/new' },
  { name: 'export-new', path: '/exports/new' },
  { name: 'export-budgets', path: '/exports/new?list=budgets&view=table' },
  { name: 'search', path: '/search?q=re' },
  { name: 'search-none', path: '/search?q=nothing-is-called-so' },
  { name: 'region-new', path: '/regions/new' },
  { name: 'region-edit', path: below('/regions', '/regions/reg_', '/edit') },
  { name: 'region-move', path: below('/regions', '/regions/reg_', '/move') },
  { name: 'region-move-check', path: regionMove, status: [200, 403, 422] },
  { name: 'region-retire', path: below('/regions', '/regions/reg_', '/retirement') },
  { name: 'audit-none', path: '/audit?to=2020-01-01' },
  { name: 'evidence-review', path: first('/evidence/reviews', '/evidence/reviews/rev_') },
  { name: 'evidence-review-new', path: '/evidence/reviews/new' },
  { name: 'evidence-changes', path: '/evidence/privileged-changes' },
  { name: 'evidence-approvals', path: '/evidence/approvals' },
  { name: 'evidence-certificate', path: '/evidence/integrity' },
  { name: 'evidence-wrong', path: '/evidence/leavers?from=soon', status: 422 },
  { name: 'export-evidence', path: '/exports/new?list=evidence&report=people' },
  { name: 'import-mappings', path: '/imports/mappings' },
  { name: 'audit-event', path: first('/audit', '/audit/evt_') },
  { name: 'person', path: first('/people', '/people/usr_') },
  { name: 'person-new', path: '/people/new' },
  { name: 'person-access', path: below('/people', '/people/usr_', '/access?permission=budgets.adjust') },
  { name: 'person-access-missing', path: below('/people', '/people/usr_', '/access?permission=budgets.adjust&object=none'), status: 404 },
  { name: 'role-new', path: '/roles/new?from=finance_controller' },
  { name: 'settings-organisation', path: '/settings/organisation' },
  { name: 'settings-reason-codes', path: '/settings/reason-codes' },
  { name: 'settings-retention', path: '/settings/retention' },
  { name: 'settings-approvals', path: '/settings/approvals' },
  { name: 'export-approvals', path: '/exports/new?list=approvals&view=waiting' },
  { name: 'settings-sign-in', path: '/settings/sign-in' },
  { name: 'second-factor', path: '/settings/second-factor' },
  { name: 'settings-about', path: '/settings/about' },
];

/** Opens it and returns false where there is nothing to open for this person; a status that nobody expects is an error. */
export async function open(page, { name, path, status = 200 }) {
  const address = typeof path === 'function' ? await path(page) : path;
  if (address === null) return false;
  const answer = (await page.goto(address)).status();
  if (![status].flat().includes(answer)) throw new Error(`${name} (${address}) answers ${answer}, not ${status}`);
  return true;
}
