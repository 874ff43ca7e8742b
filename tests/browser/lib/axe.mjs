// axe-core in the page: nothing may be found, target sizes included.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ALL = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'] };

/** What can differ between light and dark on a page that was judged whole in one of them: nothing but colours changes there (`static/css`). */
export const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };

/** Fails with rule, element and reason of each finding. Needs a context with JavaScript; the page's own policy stays in force. */
export async function axe(page, where, rules = ALL) {
  // Evaluated through the debugger, so the content security policy neither stops it nor has to be switched off.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(SOURCE);
  const found = await page.evaluate(
    async (rules) => {
      const result = await window.axe.run(document, {
        runOnly: rules,
        rules: rules.type === 'tag' ? { 'target-size': { enabled: true } } : {},
        resultTypes: ['violations'],
        preload: false,
      });
      return result.violations.flatMap((violation) =>
        violation.nodes.map((node) => `${violation.id} (${violation.impact}) at ${node.target.join(' ')}\n    ${node.html.slice(0, 200)}\n    ${node.failureSummary.replaceAll('\n', ' ')}`),
      );
    },
    rules,
  );
  assert.equal(found.length, 0, `axe on ${where ?? page.url()}: ${found.length} findings\n  ${found.join('\n  ')}`);
}
