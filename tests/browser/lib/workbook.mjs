// An Excel workbook of one sheet, made with the standard library alone.
import { crc32, deflateRawSync } from 'node:zlib';

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
/** A cell style: a date. */
const DATE = 1;

/** The file. Cells are texts, numbers, days (`{ day: '2026-10-01' }`) or formulas (`{ formula: '1+1' }`). */
export function workbook(rows) {
  return zip({
    '[Content_Types].xml':
      `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
      '<Default Extension="xml" ContentType="application/xml"/>' +
      '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
    '_rels/.rels': relationships({ rId1: ['officeDocument', 'xl/workbook.xml'] }),
    'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="Rewards" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relationships({ rId1: ['worksheet', 'worksheets/sheet1.xml'], rId2: ['styles', 'styles.xml'] }),
    'xl/styles.xml': `<styleSheet xmlns="${MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`,
    'xl/worksheets/sheet1.xml': `<worksheet xmlns="${MAIN}"><sheetData>${rows.map(row).join('')}</sheetData></worksheet>`,
  });
}

function relationships(parts) {
  const each = Object.entries(parts).map(([id, [type, target]]) => `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`);
  return `<Relationships xmlns="${PACKAGE}/relationships">${each.join('')}</Relationships>`;
}

function row(cells, at) {
  const place = (column) => `${String.fromCharCode(65 + column)}${at + 1}`;
  return `<row r="${at + 1}">${cells.map((value, column) => cell(place(column), value)).join('')}</row>`;
}

function cell(place, value) {
  if (typeof value === 'number') return `<c r="${place}"><v>${value}</v></c>`;
  if (value.formula) return `<c r="${place}"><f>${escaped(value.formula)}</f><v>0</v></c>`;
  // Days since 30 December 1899, which is how a spreadsheet counts them.
  if (value.day) return `<c r="${place}" s="${DATE}"><v>${(Date.parse(value.day) - Date.UTC(1899, 11, 30)) / 86_400_000}</v></c>`;
  return `<c r="${place}" t="inlineStr"><is><t xml:space="preserve">${escaped(value)}</t></is></c>`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Name → XML, packed: local headers with their bytes, then the directory, then its end (APPNOTE 4.3). */
function zip(parts) {
  const locals = [];
  const directory = [];
  let offset = 0;
  for (const [name, xml] of Object.entries(parts)) {
    const [bytes, title] = [Buffer.from(HEAD + xml), Buffer.from(name)];
    const packed = deflateRawSync(bytes);
    // Version, flags, method, time, date, checksum, both sizes, lengths of name and extra field.
    const common = numbers([20, 2], [0x800, 2], [8, 2], [0, 2], [0x21, 2], [crc32(bytes), 4], [packed.length, 4], [bytes.length, 4], [title.length, 2], [0, 2]);
    const local = Buffer.concat([numbers([0x04034b50, 4]), common, title, packed]);
    directory.push(Buffer.concat([numbers([0x02014b50, 4], [20, 2]), common, numbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), title]));
    locals.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const end = numbers([0x06054b50, 4], [0, 2], [0, 2], [directory.length, 2], [directory.length, 2], [list.length, 4], [offset, 4], [0, 2]);
  return Buffer.concat([...locals, list, end]);
}

/** Little-endian integers of two or four bytes, one behind the other. */
function numbers(...fields) {
  const bytes = Buffer.alloc(fields.reduce((sum, [, width]) => sum + width, 0));
  let at = 0;
  for (const [value, width] of fields) at = bytes.writeUIntLE(value, at, width);
  return bytes;
}
