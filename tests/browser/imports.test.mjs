// Files in through the browser and out again: a council's real payments to the penny, and a small file with every kind of trouble.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { as, csv, heading, it, listed, menu, minor, onEachEngine, press } from './lib/journey.mjs';
import { lookOver } from './lib/look.mjs';
import { ROOT } from './lib/portal.mjs';
import { workbook } from './lib/workbook.mjs';

/** Leeds City Council's payments of June 2020, a file of Windows-1252 beside the checkout. */
const LEEDS = path.resolve(ROOT, '../shared/data/leeds-payments-2020-06.csv');
/** May import for the whole organisation, and for one region. */
const SAMUEL = 'Samuel Adeyemi';
const OWEN = 'Owen Byrne';

const MAPPING = {
  'Organisational Unit': 'Region',
  Purpose: 'Product',
  'Detailed Expenditure Code': 'GL account',
  'Payment Date': 'Issued',
  'Transaction Number': 'External id',
  Amount: 'Amount issued',
  'Beneficiary Name': 'Recipient',
};

/** What the file says, read without the portal: its data rows, and their amounts in pence, as they stand and added up. */
function leeds() {
  const [head, ...rows] = csv(new TextDecoder('windows-1252').decode(readFileSync(LEEDS)));
  const at = head.indexOf('Amount');
  const amounts = rows.map((row) => row[at]).filter((text) => text !== '');
  const pence = amounts.map(penceOf);
  return { rows, pence, sum: pence.reduce((sum, amount) => sum + amount, 0n) };
}

function penceOf(text) {
  const found = /^(-?)(\d+)\.(\d\d)$/.exec(text);
  assert.ok(found, `${text} is no amount of pounds and pence`);
  return BigInt(`${found[1]}${found[2]}${found[3]}`);
}

const sorted = (amounts) => amounts.map(String).sort().join('\n');

/** From the menu to the page of the columns. */
async function upload(page, source, file) {
  await menu(page, 'Imports');
  await page.getByRole('link', { name: 'Import a file' }).first().click();
  await heading(page, 'Import a file');
  const known = page.getByLabel('Source', { exact: true });
  const options = await known.locator('option').allInnerTexts();
  if (options.includes(source)) await known.selectOption(source);
  else await page.getByLabel('Name of a new source').fill(source);
  await page.getByLabel('File', { exact: true }).setInputFiles(file);
  await page.getByRole('button', { name: 'Upload' }).click();
  await heading(page, 'Columns');
}

/** Says of every column what it is: those that are not named are not used. */
async function mapColumns(page, mapping) {
  for (const row of await page.locator('tbody tr').all()) {
    const column = await row.getByRole('rowheader').innerText();
    await row.getByRole('combobox').selectOption({ label: mapping[column] ?? 'Not used' });
  }
}

/** Presses a link that looks again until `locator` is there. */
async function until(page, again, locator) {
  for (;;) {
    await page.locator('main h1').waitFor();
    if (await locator.count()) return;
    await page.getByRole('link', { name: again }).click();
    await page.waitForLoadState();
  }
}

/** The figure of a card, as a number. */
async function count(page, label) {
  const card = page.getByRole('region', { name: 'Rows' }).locator('.card').filter({ has: page.getByRole('heading', { name: label, exact: true }) });
  return { number: Number((await card.locator('.figure').innerText()).replaceAll(',', '')), words: await card.locator('.sub').innerText() };
}

const counts = async (page) => Promise.all(['Created', 'Changed', 'Unchanged', 'Refused'].map(async (label) => (await count(page, label)).number));

async function checked(page) {
  await page.getByRole('button', { name: 'Check the file' }).click();
  await heading(page, 'Check');
  await until(page, 'Check again', page.getByRole('button', { name: 'Import', exact: true }));
}

async function commit(page, mode) {
  if (mode) await page.getByLabel(mode, { exact: true }).check();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await until(page, 'Look again', page.getByRole('heading', { level: 1 }).getByText(/^Imported( in part)?$/));
}

async function saved(page, press) {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  return readFileSync(await download.path(), 'utf8');
}

onEachEngine('an import', (engine) => {
  // The whole file once with and once without the script: on a region each, so that both begin with nothing known.
  for (const { js, words, source } of [
    { js: true, words: 'with JavaScript', source: 'Leeds, first' },
    { js: false, words: 'without JavaScript', source: 'Leeds, second' },
  ]) {
    it(`takes a real file in and gives it back to the penny ${words}`, async () => {
      const file = leeds();
      assert.equal(file.rows.length, 16_177);
      assert.ok(file.pence.some((amount) => amount < 0n), 'there are credit notes in it');

      await as(engine, SAMUEL, { js }, async (page) => {
        const look = (name) => js && engine === 'sqlite' && lookOver(page, name);
        await upload(page, source, LEEDS);
        await page.getByText(/^16,177 rows/).waitFor();
        await mapColumns(page, MAPPING);
        await look('import-columns');
        await page.getByLabel('Currency of every row').selectOption('GBP');
        await page.getByLabel('Time zone').selectOption('Europe/London');
        await page.getByLabel('Keep this mapping as').fill('Payments over £500');
        await page.getByRole('button', { name: 'Continue' }).click();

        await heading(page, 'Values');
        const units = page.getByRole('region', { name: 'Regions', exact: true }).getByRole('combobox');
        assert.equal(await units.count(), 10, 'one for each organisational unit');
        for (const unit of await units.all()) await choose(unit, 'UK and Ireland');
        await look('import-values');
        await checked(page);
        await look('import-check');
        const created = file.pence.length;
        assert.deepEqual(await counts(page), [created, 0, 0, 1]);
        assert.match((await count(page, 'Refused')).words, /16,177 rows read/);
        await page.getByText(/^Line 16178: /).waitFor();
        const totals = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'GBP' }) }).locator('td');
        assert.deepEqual([await totals.nth(0).innerText(), minor(await totals.nth(1).innerText())], [created.toLocaleString('en-GB'), file.sum]);

        await commit(page, 'Good rows only');
        assert.deepEqual(await counts(page), [created, 0, 0, 1]);
        await look('import-result');
        const refused = csv((await saved(page, () => page.getByRole('link', { name: 'Refused rows' }).click())).replace(/^\uFEFF/, ''));
        assert.equal(refused.length, 2);
        assert.ok(refused[0].includes('line') && refused[0].includes('error_code') && refused[0].includes('Beneficiary Name'));
        assert.equal(refused[1][refused[0].indexOf('line')], '16178');

        await page.getByRole('link', { name: 'See its transactions' }).click();
        await heading(page, 'Transactions');
        const exact = page.getByRole('link', { name: 'Count all and add up' });
        if (await exact.count()) await exact.click();
        await page.locator('tfoot tr').first().waitFor();
        assert.equal(await listed(page), created);
        await page.getByRole('link', { name: 'Export' }).last().click();
        await page.getByLabel('CSV for programs').check();
        const [head, ...rows] = csv(await saved(page, () => page.getByRole('button', { name: 'Download CSV' }).click()));
        const pence = rows.map((row) => penceOf(row[head.indexOf('amount_issued')]));
        assert.equal(pence.reduce((sum, amount) => sum + amount, 0n), file.sum);
        assert.ok(sorted(pence) === sorted(file.pence), 'the amounts that came out are those that went in');

        await upload(page, source, LEEDS);
        await page.getByText(/was imported before/).waitFor();
        await page.getByText('The mapping “Payments over £500” of this source is filled in.').waitFor();
        await page.getByRole('button', { name: 'Continue' }).click();
        await heading(page, 'Values');
        await checked(page);
        assert.deepEqual(await counts(page), [0, 0, created, 1], 'the same file again creates nothing');
        await page.getByRole('button', { name: 'Withdraw this import' }).click();
        await page.getByRole('status').getByText(/^The import is withdrawn/).waitFor();
        await look('import-withdrawn');

        await page.goto('/imports/mappings');
        const kept = page.getByRole('row').filter({ hasText: source });
        await kept.getByLabel('Name of Payments over £500').fill('Payments');
        await kept.getByRole('button', { name: 'Rename' }).click();
        await kept.getByRole('rowheader').getByText('Payments', { exact: true }).waitFor();
        await look('import-mappings-kept');
      });
    });

    it(`takes a workbook, and says which cell stops one ${words}`, async () => {
      const file = (cells) => {
        const rows = [['id', 'amount', 'currency', 'recipient', 'issued'], ...cells];
        const mimeType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
        return { name: `rewards-${js ? 'one' : 'two'}.xlsx`, mimeType, buffer: workbook(rows) };
      };
      const id = js ? 'X' : 'Y';
      await as(engine, OWEN, { js }, async (page) => {
        await page.goto('/imports/new');
        await page.getByLabel('Name of a new source').fill('Vendor workbooks');
        await page.getByLabel('File', { exact: true }).setInputFiles(file([[`${id}-0`, { formula: '1+1' }, 'GBP', 'Asha Rao', { day: '2026-10-01' }]]));
        assert.equal(await press(page, page.getByRole('button', { name: 'Upload' })), 422);
        await page.getByRole('alert').getByText(/^Cell B2 holds a formula/).waitFor();

        const rows = [
          [`${id}-1`, 12.1, 'GBP', 'Asha <b>Rao</b>', { day: '2026-10-01' }],
          [`${id}-2`, -0.07, 'GBP', 'Jonas Weber', { day: '2026-10-02' }],
          [`${id}-3`, '1,234.50', 'GBP', 'Mei Lin', '2026-10-03'],
        ];
        await upload(page, 'Vendor workbooks', file(rows));
        await page.getByText(/^3 rows\. XLSX, sheet “Rewards”/).waitFor();
        await mapColumns(page, { id: 'External id', amount: 'Amount issued', currency: 'Currency', recipient: 'Recipient', issued: 'Issued' });
        await page.getByRole('button', { name: 'Continue' }).click();
        await heading(page, 'Values');
        await choose(page.getByLabel('Region of every row'), 'UK and Ireland');
        await checked(page);
        assert.deepEqual(await counts(page), [3, 0, 0, 0]);
        await commit(page);
        assert.deepEqual(await counts(page), [3, 0, 0, 0]);
        await page.getByRole('link', { name: 'See its transactions' }).click();
        await heading(page, 'Transactions');
        assert.equal(await listed(page), 3);
        const table = await page.locator('table').first().innerText();
        for (const text of ['12.10', '1,234.50', 'Asha <b>Rao</b>', '1,246.53']) assert.ok(table.includes(text), `${text} in ${table}`);
      });
    });

    it(`shows what is changed and refused before anything is written ${words}`, async () => {
      const name = `vendor-${js ? 'one' : 'two'}.csv`;
      const line = (id, amount, who) => `${js ? 'A' : 'B'}-${id};${amount};GBP;${who};2026-10-0${id}`;
      const text = (...lines) => {
        const buffer = Buffer.from(['id;amount;currency;recipient;issued', ...lines, ''].join('\n'));
        return { name, mimeType: 'text/csv', buffer };
      };
      const formula = line(1, '1.234,50', '=HYPERLINK("x")');
      const first = text(formula, line(2, '-12,00', 'Asha Rao'), line(3, '7,5x', 'Jonas Weber'), line(4, '80,00', '+44 20 7946'));
      const mapping = { id: 'External id', amount: 'Amount issued', currency: 'Currency', recipient: 'Recipient', issued: 'Issued' };
      const ask = async (page, file, kept) => {
        await upload(page, 'Vendor portal', file);
        await mapColumns(page, mapping);
        await page.getByLabel('Keep this mapping as').fill(`${kept} ${name}`);
        const comma = page.getByRole('group', { name: 'How are numbers written?' }).getByRole('radio').first();
        if (await comma.count()) await page.getByLabel(/1\.234,5/).check();
        await page.getByRole('button', { name: 'Continue' }).click();
        await heading(page, 'Values');
        await choose(page.getByLabel('Region of every row'), 'UK and Ireland');
        await checked(page);
      };
      await as(engine, OWEN, { js }, async (page) => {
        await ask(page, first, 'First');
        assert.deepEqual(await counts(page), [3, 0, 0, 1]);
        await page.getByText(/^Line 4: /).waitFor();
        await page.getByLabel('All or nothing').check();
        assert.equal(await press(page, page.getByRole('button', { name: 'Import', exact: true })), 422, 'one refused row stops the whole file');
        await commit(page, 'Good rows only');
        const list = new URL(await page.getByRole('link', { name: 'See its transactions' }).getAttribute('href'), page.url());

        await page.goto(`/exports/new${list.search}`);
        await page.getByLabel('CSV for Excel').check();
        const [head, ...rows] = csv((await saved(page, () => page.getByRole('button', { name: 'Download CSV' }).click())).slice(1));
        const column = (label) => rows.map((row) => row[head.indexOf(label)]).sort();
        const guarded = ["'+44 20 7946", "'=HYPERLINK(\"x\")", 'Asha Rao'];
        assert.deepEqual(column('Recipient'), guarded, 'text that a spreadsheet would run is guarded');
        assert.deepEqual(column('Amount'), ['-12.00', '1234.50', '80.00'], 'numbers never are');

        await ask(page, text(formula, line(2, '-13,00', 'Asha Rao'), line(5, '5,00', 'Mei Lin')), 'Second');
        assert.deepEqual(await counts(page), [1, 1, 1, 0]);
        const changed = page.getByRole('table', { name: 'Changed transactions, before and after' });
        assert.match(await changed.innerText(), /\u2212?-?12\.00[\s\S]*13\.00/);
        await commit(page);
        await page.goto('/imports');
        await page.getByRole('row').filter({ hasText: name }).first().waitFor();

        await upload(page, 'Vendor portal', text(formula));
        for (const kept of ['First', 'Second']) {
          await page.getByLabel('Mapping', { exact: true }).selectOption({ label: `${kept} ${name}` });
          await page.getByRole('button', { name: 'Fill it in' }).click();
          await page.getByText(`The mapping “${kept} ${name}” of this source is filled in.`).waitFor();
        }
      });
      await as(engine, 'Marta Ortega', { js }, async (page) => {
        await page.goto('/imports');
        assert.equal(await page.getByRole('row').filter({ hasText: name }).count(), 0, 'an import of another region is not hers to see');
      });
    });

    it(`writes nothing where a region was retired after the check, and says why ${words}`, async () => {
      const place = js ? 'Faroe Islands' : 'Greenland';
      const name = `${place}.csv`;
      const buffer = Buffer.from('id,amount,recipient,issued\nF-1,12.00,Asha Rao,2026-10-01\nF-2,7.00,Jonas Weber,2026-10-02\n');
      await as(engine, 'Ingrid Larsen', { js }, async (admin) => {
        await admin.goto('/regions/new');
        await choose(admin.getByLabel('Part of'), 'Nordics');
        await admin.getByLabel('Name', { exact: true }).fill(place);
        await admin.getByLabel('Currency').selectOption('EUR');
        await admin.getByLabel('Time zone').fill('Europe/Copenhagen');
        await admin.getByRole('button', { name: 'Add the region' }).click();
        await heading(admin, new RegExp(`^${place}`));
        await as(engine, SAMUEL, { js }, async (page) => {
          await upload(page, place, { name, mimeType: 'text/csv', buffer });
          await mapColumns(page, { id: 'External id', amount: 'Amount issued', recipient: 'Recipient', issued: 'Issued' });
          await page.getByLabel('Currency of every row').selectOption('EUR');
          await page.getByRole('button', { name: 'Continue' }).click();
          await heading(page, 'Values');
          await choose(page.getByLabel('Region of every row'), place);
          await checked(page);
          assert.deepEqual(await counts(page), [2, 0, 0, 0]);

          await admin.getByRole('link', { name: 'Retire', exact: true }).click();
          await admin.getByRole('button', { name: `Retire ${place}` }).click();
          await admin.getByRole('heading', { level: 1 }).getByText('Retired').waitFor();

          await page.getByRole('button', { name: 'Import', exact: true }).click();
          await until(page, 'Look again', page.getByRole('heading', { level: 1 }).getByText('Failed', { exact: true }));
          await page.getByRole('heading', { name: 'Nothing is imported' }).waitFor();
          await page.getByText(/^A row is refused \(line \d+: Region/).waitFor();
          await page.getByText('No row of this file is kept.').waitFor();
          if (js) await lookOver(page, `import-failed-${engine}`);
          await menu(page, 'Imports');
          await page.getByRole('row').filter({ hasText: name }).getByText('Failed', { exact: true }).waitFor();
        });
      });
    });
  }
});

/** Chooses the option of a select that says these words. */
async function choose(field, words) {
  await field.selectOption(await field.locator('option').filter({ hasText: words }).first().getAttribute('value'));
}
