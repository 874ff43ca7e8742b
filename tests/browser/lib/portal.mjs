// Starts the portal's demo, once per engine and process, and stops it as an operator would.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const ENGINES = ['sqlite', 'postgres'];
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const TARGET = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');

const BINARY = process.env.COUNTERFOIL_BIN ?? path.join(TARGET, 'debug', 'counterfoil');
const READY_WITHIN_MS = 180_000;
const STOPPED_WITHIN_MS = 15_000;

const shared = new Map();

/** The demo on `engine`, shared by all tests of this process: `{ url, engine }`. */
export function portal(engine, options = {}) {
  const key = JSON.stringify([engine, options]);
  if (!shared.has(key)) shared.set(key, startDemo(engine, options));
  return shared.get(key);
}

after(async () => {
  for (const running of await Promise.allSettled(shared.values())) await running.value?.stop();
});

/** A demo of its own, for a test that needs one to itself; whoever starts it stops it. */
export async function startDemo(engine, { transactions = 12_000, environment = {} } = {}) {
  const database = engine === 'postgres' ? createDatabase() : null;
  const words = ['demo', '--listen', '127.0.0.1:0', '--transactions', String(transactions)];
  return start(engine, database ? [...words, '--database', database.url] : words, { database, environment });
}

/** `serve` on an empty store, on a database file or on a fresh PostgreSQL database. */
export async function startServe(engine, { file, environment = {} } = {}) {
  const database = engine === 'postgres' ? createDatabase() : null;
  return start(engine, ['serve', '--listen', '127.0.0.1:0', '--database', database?.url ?? `sqlite:${file}`], { database, environment });
}

/** What the portal has printed and `pattern` matches; waits for it. */
export async function printed(running, pattern) {
  for (;;) {
    const found = pattern.exec(running.output.stdout);
    if (found) return found;
    assert.ok(running.process.exitCode === null, `it ended without saying ${pattern}`);
    await new Promise((resolve) => running.process.stdout.once('data', resolve));
  }
}

async function start(engine, words, { database, environment }) {
  const child = spawn(BINARY, words, { env: { ...bare(), ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, signal: error.message }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const dropDatabase = () => database?.drop();

  const listening = new Promise((resolve) => {
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] = (output[name] + text).slice(-200_000);
        const found = /listening on (http:\/\/[\w.:[\]]+)/.exec(output.stdout);
        if (found) resolve({ url: found[1].replace(/\/$/, '') });
      });
    }
  });
  const first = await Promise.race([listening, ended, late(READY_WITHIN_MS)]);
  if (!first.url) {
    killed();
    await ended;
    dropDatabase();
    assert.fail(`${BINARY} ${words.join(' ')} is not ready: ${JSON.stringify(first)}\n${output.stdout}\n${output.stderr}`);
  }

  let stopped;
  const stop = () => {
    stopped ??= (async () => {
      child.kill('SIGTERM');
      const end = await Promise.race([ended, late(STOPPED_WITHIN_MS)]);
      killed();
      process.off('exit', killed);
      dropDatabase();
      assert.deepEqual(end, { code: 0, signal: null }, `the portal must end well after SIGTERM:\n${output.stderr.slice(-4000)}`);
      assert.doesNotMatch(output.stderr, /panicked at/, 'a thread of the portal panicked');
    })();
    return stopped;
  };
  return { engine, url: first.url, database, output, process: child, stop };
}

/** The environment without our own words for the tests: the portal refuses settings that it does not know. */
function bare() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COUNTERFOIL_')));
}

function late(ms) {
  return new Promise((resolve) => setTimeout(() => resolve({ late: `${ms} ms` }), ms).unref());
}

/** A fresh database on the cluster that tests/run started; `open(false)` sends everybody away until `open(true)`. */
function createDatabase() {
  const base = process.env.COUNTERFOIL_TEST_POSTGRES;
  assert.ok(base, 'COUNTERFOIL_TEST_POSTGRES is not set: run the tests with `bash tests/run`');
  const name = `browser_${randomBytes(6).toString('hex')}`;
  const at = (database) => `${base.replace(/\/+$/, '')}/${database}`;
  const psql = (sql) => execFileSync('psql', ['--no-psqlrc', '--quiet', '--dbname', at('postgres'), '--command', sql], { stdio: 'pipe' });
  psql(`CREATE DATABASE ${name} TEMPLATE template0`);
  const open = (wide) => {
    psql(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${wide}`);
    if (!wide) psql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  };
  return { url: at(name), open, drop: () => psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
