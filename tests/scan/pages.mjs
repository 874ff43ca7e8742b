// Signs in to a demo, walks its pages and keeps them: `node pages.mjs BASE WORK TOOLS`. Prints the cookie; csp.txt holds what csp_evaluator finds.
import { createRequire } from 'node:module';
import { writeFile } from 'node:fs/promises';

const [base, work, tools] = process.argv.slice(2);
const require = createRequire(`${tools}/node_modules/`);
const { CspEvaluator } = require('csp_evaluator');
const { CspParser } = require('csp_evaluator/dist/parser.js');
const MOST = 160;

const jar = new Map();
const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');

async function ask(path, more = {}) {
    const headers = { cookie: cookie(), 'sec-fetch-site': 'same-origin', ...more.headers };
    const answer = await fetch(new URL(path, base), { redirect: 'manual', ...more, headers });
    for (const set of answer.headers.getSetCookie()) {
        const [pair] = set.split(';');
        const at = pair.indexOf('=');
        jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
}

const value = (html, name) => html.match(new RegExp(`name="${name}"[^>]*value="([^"]*)"`))?.[1];

const first = await (await ask('/sign-in')).text();
const people = [...first.matchAll(/name="person" value="([^"]+)"([\s\S]*?)<\/button>/g)];
const chosen = people.find(([, , words]) => words.includes('Administrator')) ?? people[0];
const form = new URLSearchParams({ csrf: value(first, 'csrf'), person: chosen[1] });
const signed = await ask('/demo/sign-in', { method: 'POST', body: form });
if (signed.status !== 303) throw new Error(`signing in gave ${signed.status}`);

// One page of each shape: ids in an address are all alike.
const shape = (path) => path.split('?')[0].replace(/[0-9A-Za-z]{26}/g, ':id') + (path.includes('?') ? '?' : '');
const waiting = ['/', '/sign-in', '/nowhere', '/budgets', '/transactions?q=a', '/search?q=a', '/audit', '/people', '/regions', '/settings', '/imports', '/exports', '/approvals'];
const seen = new Set();
const shapes = new Map();
const addresses = [];
const policies = new Map();
let pages = 0;
while (waiting.length > 0 && pages < MOST) {
    const path = waiting.shift();
    if (seen.has(path)) continue;
    seen.add(path);
    const kind = shape(path);
    if ((shapes.get(kind) ?? 0) >= 2) continue;
    shapes.set(kind, (shapes.get(kind) ?? 0) + 1);
    const answer = await ask(path);
    policies.set(answer.headers.get('content-security-policy') ?? '', path);
    if (!(answer.headers.get('content-type') ?? '').startsWith('text/html') || answer.status >= 500) {
        await answer.body?.cancel();
        continue;
    }
    const html = await answer.text();
    if (html.length === 0) continue;
    pages += 1;
    await writeFile(`${work}/pages/${String(pages).padStart(3, '0')}${kind.replace(/[^a-z]+/gi, '-')}.html`, html);
    if (path.includes('?') && answer.status === 200 && shapes.get(kind) === 1) addresses.push(base + path);
    for (const [, href] of html.matchAll(/(?:href|action)="(\/[^"#]*)/g)) {
        const next = href.replaceAll('&amp;', '&').replaceAll('&#38;', '&');
        if (!/^\/(sign-out|demo|a\/|static|exports\/.*download)/.test(next) && !/\.(css|js|svg|png|ico|csv|woff2)(\?|$)/.test(next)) waiting.push(next);
    }
}
const budget = [...seen].find((path) => /^\/budgets\/[a-z]*_?[0-9a-z]{26}$/i.test(path));
addresses.push(`${base}/transactions?q=a&period=this_year&sort=amount&amount_min=1&columns=recipient,amount`, `${base}/search?q=a`, `${base}/budgets?q=a&status=active`);
if (budget) addresses.push(`${base}${budget}*`, `${base}${budget}/reservations/check?key=key-0123456789abcdef&amount=1&note=x`);
await writeFile(`${work}/addresses`, `${[...new Set(addresses)].slice(-16).join('\n')}\n`);

const found = [];
for (const [policy, path] of policies) {
    if (policy === '') {
        found.push(`${path}: no policy`);
        continue;
    }
    // Up to 50 are weaknesses from high to medium; beyond stands advice.
    const findings = new CspEvaluator(new CspParser(policy).csp).evaluate().filter((one) => one.severity <= 50);
    for (const one of findings) found.push(`${path}: ${one.directive} ${one.value ?? ''}: ${one.description}`);
}
await writeFile(`${work}/csp.txt`, found.map((line) => `${line}\n`).join(''));
await writeFile(`${work}/csp.pages`, String(seen.size));
process.stdout.write(cookie());
