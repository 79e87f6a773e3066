// What the scripts here say: a line of JSON for each step that held, a sentence for the first that did not.

import { isDeepStrictEqual } from 'node:util';

let steps = 0;

export function held(step, facts = {}) {
  steps += 1;
  console.log(JSON.stringify({ step, ...facts }));
}

export function same(what, actual, expected) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${what}: expected ${shown(expected)}, got ${shown(actual)}`);
  }
}

export function holds(what, condition) {
  if (!condition) throw new Error(`not so: ${what}`);
}

// Runs a script and ends the process: 0 when everything held, 1 when something did not.
export async function run(script) {
  try {
    const facts = await script();
    console.log(JSON.stringify({ summary: 'everything held', steps, ...facts }));
    process.exit(0);
  } catch (error) {
    console.error(`after step ${steps}: ${error.message || error.code || error}`);
    process.exit(1);
  }
}

const shown = (value) => JSON.stringify(value) ?? String(value);
